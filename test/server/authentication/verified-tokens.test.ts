import { describe, expect, test } from "bun:test";
import { MAX_TOKEN_BYTES } from "../../../src/protocol/limits.ts";
import { signToken, verifyToken } from "../../../src/server/authentication/tokens.ts";
import { VerifiedTokens } from "../../../src/server/authentication/verified-tokens.ts";
import { goodClaims, handMade, TEST_SECRET, testKeys } from "../../support/server/tokens.ts";

const NOW = 1_800_000_000_000;
const HEADER = { alg: "HS256", typ: "at+jwt" };

async function check(keys: Awaited<ReturnType<typeof testKeys>>, token: string, now = NOW): Promise<string> {
  const verdict = await verifyToken(keys, token, now);
  return verdict.ok ? verdict.token.subject : verdict.code;
}

describe("tokens that were checked before", () => {
  test("SEC-T3 get the same result as unknown ones at every moment of their life", async () => {
    const seen = await testKeys();
    const token = handMade(HEADER, goodClaims(NOW));
    expect(await check(seen, token)).toBe("ann");
    const moments = [-31_000, -30_000, -1, 0, 1, 1_799_999, 1_800_000, 1_829_999, 1_830_000, 9_999_999];
    // Forwards and backwards, so that the state left by one moment is used at another.
    for (const after of [...moments, ...moments.toReversed()]) {
      expect({ after, verdict: await check(seen, token, NOW + after) }).toEqual({
        after,
        verdict: await check(await testKeys(), token, NOW + after),
      });
    }
  });

  test("SEC-T2 a token with one letter changed is not taken for the known one", async () => {
    const keys = await testKeys();
    const token = handMade(HEADER, goodClaims(NOW));
    expect(await check(keys, token)).toBe("ann");
    for (let i = 0; i < token.length; i++) {
      const changed = `${token.slice(0, i)}${token[i] === "A" ? "B" : "A"}${token.slice(i + 1)}`;
      expect(await check(keys, changed)).toBe("unauthorized");
    }
  });

  test("SEC-T4 a token verified with one key is unknown to another", async () => {
    const keys = await testKeys();
    const token = await signToken(keys, { subject: "ann", now: NOW });
    expect(await check(keys, token)).toBe("ann");
    expect(await check(await testKeys({}, `${TEST_SECRET.slice(0, -1)}?`), token)).toBe("unauthorized");
  });

  test("B1 only a limited number is remembered, and the oldest is dropped first", async () => {
    const { verified, ...keys } = await testKeys();
    const token = handMade(HEADER, goodClaims(NOW));
    expect(await check({ ...keys, verified }, token)).toBe("ann");
    const name = verified.keyOf(token);
    const known = verified.find(name, NOW)!;
    for (let i = 0; i < 8_191; i++) verified.add(`other ${i}`, known);
    expect(verified.find(name, NOW)).toBe(known);
    verified.add("one more", known);
    expect(verified.find("other 0", NOW)).toBeUndefined();
    expect(verified.find(name, NOW)).toBe(known);
  });

  test("B3 a token is hashed once, new or known, and not at all if it is too long", async () => {
    class Watched extends VerifiedTokens {
      readonly hashed: string[] = [];

      override keyOf(token: string): string {
        this.hashed.push(token);
        return super.keyOf(token);
      }
    }
    const verified = new Watched();
    const keys = { ...(await testKeys()), verified };
    const token = handMade(HEADER, goodClaims(NOW));
    expect(await check(keys, token)).toBe("ann");
    expect(verified.hashed).toEqual([token]);
    expect(await check(keys, token)).toBe("ann");
    expect(verified.hashed).toEqual([token, token]);

    const long = handMade(HEADER, { ...goodClaims(NOW), padding: "x".repeat(MAX_TOKEN_BYTES) });
    expect(await check(keys, long)).toBe("unauthorized");
    expect(await check(keys, "ä".repeat(MAX_TOKEN_BYTES / 2 + 1))).toBe("unauthorized");
    expect(verified.hashed).toEqual([token, token]);
  });

  test("A4 no token is in memory in clear", async () => {
    const { verified, ...keys } = await testKeys();
    const token = handMade(HEADER, goodClaims(NOW));
    await check({ ...keys, verified }, token);
    expect(Bun.inspect(verified, { depth: 10 })).not.toContain(token.slice(-20));
  });
});
