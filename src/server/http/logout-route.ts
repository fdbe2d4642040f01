import type { RevocationStore } from "../../core/revocations.ts";
import { type BearerParts, identifyBearer } from "./bearer.ts";
import type { HttpContext } from "./environment.ts";

export interface LogoutParts extends BearerParts {
  readonly revocations: Pick<RevocationStore, "isRevoked" | "revokeToken">;
}

/** `POST /logout`: the bearer's token is worth nothing from now on, and its sockets are closed (T5, A3). */
export function logoutRoute(parts: LogoutParts): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const bearer = await identifyBearer(parts, c);
    if (bearer instanceof Response) return bearer;
    const { token } = bearer;
    await parts.revocations.revokeToken(token.id, token.expiresAt);
    parts.log.info("signout", { address: c.env.address, user: token.subject });
    return new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } });
  };
}
