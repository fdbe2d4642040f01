import { createHmac } from "node:crypto";
import { createKeys, type KeySettings, type TokenKeys } from "../../../src/server/authentication/keys.ts";

/** A SECRET_KEY for tests. */
export const TEST_SECRET = "q2Wm8Rk5Tz1Xc7Vb4Np0Ls6Jd3Hg9Fa!";

/** Keys with the settings' defaults. */
export function testKeys(settings: Partial<KeySettings> = {}, secret = TEST_SECRET): Promise<TokenKeys> {
  const defaults = { tokenIssuer: "parley", tokenAudience: "parley", tokenLifetime: 1800, tokenLeeway: 30 };
  return createKeys({ ...defaults, ...settings }, secret);
}

/** Canonical base64url of a text, of bytes, or of a value as JSON. */
export function base64url(value: string | Uint8Array | object): string {
  const isRaw = typeof value === "string" || value instanceof Uint8Array;
  return Buffer.from(isRaw ? (value as string) : JSON.stringify(value)).toString("base64url");
}

/** The claims of a good token of `ann`, signed at `now` (milliseconds). */
export function goodClaims(now: number): Record<string, unknown> {
  const iat = Math.floor(now / 1000);
  return { iss: "parley", aud: "parley", sub: "ann", iat, exp: iat + 1800, jti: "token-1" };
}

/** Signs any header and claims with HS256, even if the header names another algorithm. */
export function handMade(
  header: string | object,
  claims: string | object,
  secret: string | Buffer = TEST_SECRET,
): string {
  const unsigned = `${base64url(header)}.${base64url(claims)}`;
  return `${unsigned}.${createHmac("sha256", secret).update(unsigned).digest("base64url")}`;
}
