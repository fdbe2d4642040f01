import { createHmac, randomBytes } from "node:crypto";

/** Longer than any run, in seconds. */
const TOKEN_LIFETIME_S = 3600;

/** The token settings of every peer that checks tokens: HS256, with a key of this run. */
export interface Signer {
  /** Passed to the server unchanged, as text. */
  readonly key: string;
  /** A token as an application signs it for its own users, the plan in a claim. */
  sign(user: string): string;
}

export function createSigner(): Signer {
  const key = randomBytes(32).toString("base64url");
  const head = encode({ alg: "HS256", typ: "at+jwt" });
  return {
    key,
    sign(user) {
      const now = Math.floor(Date.now() / 1000);
      const claims = encode({
        iss: "parley",
        aud: "parley",
        sub: user,
        iat: now,
        exp: now + TOKEN_LIFETIME_S,
        jti: randomBytes(12).toString("base64url"),
        plan: "bench",
      });
      return `${head}.${claims}.${createHmac("sha256", key).update(`${head}.${claims}`).digest("base64url")}`;
    },
  };
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
