import { decodeJwt } from "jose";
import { NEVER } from "../../core/ports/revocations.ts";

/** What is needed to revoke a token. `expiresAt` is in milliseconds since 1970. */
export interface TokenToRevoke {
  readonly id: string;
  readonly expiresAt: number;
}

/** Returns the `jti` and the expiry of a token; undefined where it has none. The signature is not verified: revoking is safe. */
export function readTokenId(token: string): TokenToRevoke | undefined {
  try {
    const { jti, exp } = decodeJwt(token);
    if (jti !== undefined) return { id: jti, expiresAt: exp === undefined ? NEVER : exp * 1000 };
  } catch {
    // It is no token.
  }
  return undefined;
}
