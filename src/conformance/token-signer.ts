import { createHmac, randomUUID } from "node:crypto";

/** The key and the claims that own tokens need; see docs/TOKENS.md. */
export interface SigningKey {
  readonly secret: string;
  readonly issuer: string;
  readonly audience: string;
}

/** Claims that are added to those of a valid token or replace them; undefined omits a claim. */
export type Claims = Readonly<Record<string, unknown>>;

/** Signs a token for `subject` as an application with SECRET_KEY would: HS256, valid for half an hour unless `claims` say otherwise. */
export function sign(key: SigningKey, subject: string, claims: Claims = {}, header: Claims = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const defaults = {
    iss: key.issuer,
    aud: key.audience,
    sub: subject,
    jti: randomUUID(),
    iat: now,
    exp: now + 1800,
  };
  const unsigned = `${encode({ alg: "HS256", typ: "at+jwt", ...header })}.${encode({ ...defaults, ...claims })}`;
  return `${unsigned}.${createHmac("sha256", key.secret).update(unsigned).digest("base64url")}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
