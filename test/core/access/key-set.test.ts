import { describe, expect, test } from "bun:test";
import {
  algorithmOf,
  FRESH_MS,
  keySetAction,
  MAX_AGE_MS,
  RETRY_AFTER_FAILURE_MS,
  usableKeys,
} from "../../../src/core/access/key-set.ts";

const SECOND = 1000;
const READ = 1_000_000;

/** The steps for a known and for an unknown key, at a time after the set was read. */
function steps(after: number, failedAt?: number): string {
  const times = { readAt: READ, failedAt };
  return [true, false].map((isKnown) => keySetAction(isKnown, times, READ + after)).join(" ");
}

describe("SEC-T1 when a key set is read", () => {
  test("SEC-T1 at the first token that needs it; after a failure once in five seconds", () => {
    expect(keySetAction(false, { readAt: undefined, failedAt: undefined }, 5)).toBe("read");
    const unavailable = { readAt: undefined, failedAt: 5 };
    expect(keySetAction(false, unavailable, 5 + RETRY_AFTER_FAILURE_MS - 1)).toBe("unavailable");
    expect(keySetAction(false, unavailable, 5 + RETRY_AFTER_FAILURE_MS)).toBe("read");
  });

  test("SEC-T1 known keys are used; for an unknown one the set is read once in fifteen seconds", () => {
    expect(steps(0)).toBe("use refuse");
    expect(steps(15 * SECOND - 1)).toBe("use refuse");
    expect(steps(15 * SECOND)).toBe("use read");
    expect(steps(FRESH_MS - 1)).toBe("use read");
    expect(steps(FRESH_MS)).toBe("read read");
  });

  test("SEC-T1 while the set is unavailable, known keys are valid for an hour, and unknown ones are not called wrong", () => {
    for (const after of [20 * SECOND, FRESH_MS, FRESH_MS + 20 * 60 * SECOND, MAX_AGE_MS - 1])
      expect([after, steps(after, READ + after - 1)]).toEqual([after, "use unavailable"]);
    expect(steps(FRESH_MS + RETRY_AFTER_FAILURE_MS, READ + FRESH_MS)).toBe("read read");
    expect(steps(MAX_AGE_MS, READ + MAX_AGE_MS - 1)).toBe("unavailable unavailable");
  });
});

describe("SEC-T1 the keys of a set that are used", () => {
  const modulus = (bytes: number, first = 0xc3) =>
    Buffer.alloc(bytes, 7).fill(first, 0, 1).toString("base64url");
  const rsa = { kty: "RSA", kid: "k", n: modulus(256), e: "AQAB" };
  const ec = { kty: "EC", kid: "k", crv: "P-256", x: "x", y: "y" };

  test("SEC-T1 each for one algorithm: its own, or the most usual of its type", () => {
    expect(algorithmOf(rsa)).toBe("RS256");
    expect(algorithmOf({ ...rsa, alg: "PS256", use: "sig", key_ops: ["verify"] })).toBe("PS256");
    expect(algorithmOf(ec)).toBe("ES256");
    expect(algorithmOf({ kty: "OKP", kid: "k", crv: "Ed25519", x: "x" })).toBe("EdDSA");
    expect(algorithmOf({ ...rsa, n: modulus(512) })).toBe("RS256");
  });

  test("SEC-T1 weak, symmetric, private, foreign, nameless and encryption keys are not used", () => {
    const refused: [string, object][] = [
      ["512 bits", { ...rsa, n: modulus(64) }],
      ["2047 bits", { ...rsa, n: modulus(256, 0x7f) }],
      [
        "1024 bits, written with zeros in front",
        { ...rsa, n: Buffer.concat([Buffer.alloc(200), Buffer.alloc(128, 9)]).toString("base64url") },
      ],
      ["far too large", { ...rsa, n: modulus(4096) }],
      ["no number", { ...rsa, n: "!".repeat(342) }],
      ["zero", { ...rsa, n: "A".repeat(342) }],
      ["for encryption", { ...rsa, use: "enc" }],
      ["not for verifying", { ...rsa, key_ops: ["encrypt"] }],
      ["an algorithm of encryption", { ...rsa, alg: "RSA-OAEP" }],
      ["HS256", { ...rsa, alg: "HS256" }],
      ["symmetric", { kty: "oct", kid: "k", k: "c2VjcmV0", alg: "HS256" }],
      ["private", { ...ec, d: "d" }],
      ["another curve", { ...ec, crv: "P-384" }],
      ["another curve that says ES256", { ...ec, crv: "secp256k1", alg: "ES256" }],
      ["no name", { ...rsa, kid: undefined }],
      ["a name that is no text", { ...rsa, kid: 5 }],
      ["a type of an object", { ...rsa, kty: "__proto__" }],
    ];
    for (const [what, key] of refused) expect([what, algorithmOf(key as never)]).toEqual([what, undefined]);
  });

  test("SEC-T1 of two keys with one name and algorithm none is used; invalid entries are skipped", () => {
    expect([
      ...usableKeys([
        null,
        1,
        [],
        "x",
        {},
        rsa,
        { ...rsa, alg: "PS256" },
        { ...rsa, kid: "l" },
        { ...rsa, kid: "l" },
      ]).keys(),
    ]).toEqual(["RS256 k", "PS256 k"]);
  });
});
