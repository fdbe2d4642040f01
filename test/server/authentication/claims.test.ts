// Tokens signed with SECRET_KEY are checked without the library, for speed; the library is the reference.
import { expect, test } from "bun:test";
import { errors, jwtVerify } from "jose";
import { checkClaims, REQUIRED_CLAIMS, readClaimsSet } from "../../../src/server/authentication/claims.ts";
import { Random, seeds } from "../../support/random.ts";
import { base64url, goodClaims, handMade, TEST_SECRET, testKeys } from "../../support/server/tokens.ts";

const NOW = Date.UTC(2025, 0, 1);
const EXPECTED = { type: "at+jwt", issuer: "parley", audience: "parley", leeway: 30 };
const SECONDS = NOW / 1000;

const TYPES = ["at+jwt", "AT+JWT", "application/at+jwt", "jwt", "", undefined, 1];
const TIMES = [-1, 0, 30, 31, 29, 1800, -30, -31].map((offset) => SECONDS + offset);
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  iss: ["other", ["parley"], null],
  aud: ["other", ["parley"], ["other", "parley"], [], ["other"], {}, null],
  sub: ["bob", ""],
  iat: [...TIMES, "1", null],
  exp: [...TIMES, "1", null],
  nbf: [...TIMES, "1", null],
  jti: ["", "x"],
};

/** `good`, `expired`, `damaged` or the name of a claim. */
async function libraryOn(token: string): Promise<string> {
  const key = new TextEncoder().encode(TEST_SECRET);
  const { type: typ, issuer, audience, leeway: clockTolerance } = EXPECTED;
  const currentDate = new Date(NOW);
  const options = { algorithms: ["HS256"], requiredClaims: REQUIRED_CLAIMS, currentDate };
  try {
    await jwtVerify(token, key, { ...options, typ, issuer, audience, clockTolerance });
    return "good";
  } catch (error) {
    if (error instanceof errors.JWTExpired) return "expired";
    if (error instanceof errors.JWTClaimValidationFailed) return error.claim;
    return "damaged";
  }
}

function oursOn(header: Record<string, unknown>, payload: Uint8Array): string {
  const claims = readClaimsSet(payload);
  if (claims === undefined) return "damaged";
  return checkClaims(header, claims, EXPECTED, SECONDS) ?? "good";
}

test.each(seeds(1, 2, 3))(
  "SEC-T1 SEC-T3 it accepts what the library accepts, and refuses the rest (seed %d)",
  async (seed) => {
    const random = new Random(seed);
    const seen = new Set<string>();
    for (let i = 0; i < 3_000; i++) {
      const header: Record<string, unknown> = {
        alg: "HS256",
        typ: random.pick(i % 4 === 0 ? TYPES : ["at+jwt"]),
      };
      const claims = goodClaims(NOW);
      for (let changes = random.between(0, 2); changes > 0; changes--) {
        const claim = random.pick(Object.keys(VALUES));
        if (random.between(0, 4) === 0) delete claims[claim];
        else claims[claim] = random.pick(VALUES[claim]!);
      }
      const theirs = await libraryOn(handMade(header, claims));
      const ours = oursOn(header, Buffer.from(base64url(claims), "base64url"));
      seen.add(theirs);
      // Of several errors each may report another; for an expired token with another error, neither reports the expiry.
      expect({ claims, header, good: ours === "good", expired: ours === "expired" }).toEqual({
        claims,
        header,
        good: theirs === "good",
        expired: theirs === "expired",
      });
    }
    for (const outcome of ["good", "expired", "typ", "iss", "aud", "nbf", "exp"])
      expect(seen).toContain(outcome);
  },
);

test.each(["[]", "null", "7", '"text"', "{", "", "\ufeff{}", "\u00ff"])(
  "SEC-T3 claims %p are no object",
  async (text) => {
    const bytes = text === "\u00ff" ? Uint8Array.of(0xff) : Buffer.from(text);
    expect(readClaimsSet(bytes)).toBeUndefined();
  },
);

test("SEC-T2 a header or claims with deep nesting are not parsed", () => {
  const nested = (depth: number) =>
    Buffer.from(`{"a":${"[".repeat(depth)}${"]".repeat(depth)}${" ".repeat(600)}}`);
  expect(readClaimsSet(nested(31))).toBeDefined();
  for (const depth of [32, 1000]) expect(readClaimsSet(nested(depth))).toBeUndefined();
});

test("SEC-T1 the signature covers these very bytes, with the current or the previous key", async () => {
  const keys = await testKeys({ secretKeyPrevious: "p".repeat(32) });
  const signed = "a.b";
  const by = (secret: string) =>
    new Uint8Array(new Bun.CryptoHasher("sha256", secret).update(signed).digest().buffer);
  for (const secret of [TEST_SECRET, "p".repeat(32)]) {
    const signature = by(secret);
    expect(keys.signedWithSecret(signed, signature)).toBe(true);
    expect(keys.signedWithSecret("a.c", signature)).toBe(false);
    expect(keys.signedWithSecret(signed, signature.subarray(1))).toBe(false);
    expect(keys.signedWithSecret(signed, Uint8Array.from([...signature, 0]))).toBe(false);
    expect(keys.signedWithSecret(signed, new Uint8Array())).toBe(false);
  }
  expect(keys.signedWithSecret(signed, by("x".repeat(32)))).toBe(false);
});
