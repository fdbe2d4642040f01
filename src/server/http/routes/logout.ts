import type { RefreshTokenStore } from "../../../core/ports/refresh-tokens.ts";
import type { RevocationStore } from "../../../core/ports/revocations.ts";
import { familyIdOf } from "../../authentication/refresh.ts";
import { authenticateBearer, type BearerDeps } from "../bearer.ts";
import type { HttpContext } from "../context.ts";
import { readFormFields } from "../form-fields.ts";

export interface LogoutRouteDeps extends BearerDeps {
  readonly revocations: Pick<RevocationStore, "isRevoked" | "revokeToken">;
  readonly refreshTokens: Pick<RefreshTokenStore, "remove">;
}

/**
 * `POST /logout`: revokes the bearer's token and closes its sockets (SEC-T5, A3). A body may hold the `refresh_token` that was
 * issued with it; then the whole family of refresh tokens of that sign-in is removed, too.
 */
export function logoutRoute(deps: LogoutRouteDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const bearer = await authenticateBearer(deps, c);
    if (bearer instanceof Response) return bearer;
    const { token } = bearer;
    const fields = await readFormFields(deps.emit, c);
    if (fields instanceof Response) return fields;
    const refreshToken = fields.optional("refresh_token");
    const family = refreshToken === undefined ? undefined : familyIdOf(refreshToken);
    if (family !== undefined) await deps.refreshTokens.remove(family, token.subject);
    await deps.revocations.revokeToken(token.id, token.expiresAt);
    deps.emit("signout", { address: c.env.address, user: token.subject });
    return new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } });
  };
}
