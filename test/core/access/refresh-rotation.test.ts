import { describe, expect, test } from "bun:test";
import {
  decideRefresh,
  MAX_LIVE_TOKENS,
  REFRESH_GRACE_MS,
  type RefreshFamily,
} from "../../../src/core/access/refresh-rotation.ts";

const LIFETIME = 1_000_000;
const FAMILY: RefreshFamily = {
  id: "family",
  user: "ann",
  account: 5,
  signedInAt: 0,
  expiresAt: LIFETIME,
  tokens: [{ hash: "first", issuedAt: 0 }],
};

const use = (family: RefreshFamily, presented: string, successor: string, now: number) =>
  decideRefresh(family, { presented, successor, lifetime: LIFETIME, now });

/** Uses a valid token, and returns the family afterwards. */
function rotated(family: RefreshFamily, presented: string, successor: string, now: number): RefreshFamily {
  const decision = use(family, presented, successor, now);
  if (decision.outcome !== "rotate") throw new Error(`${presented} was ${decision.outcome}`);
  return decision.family;
}

describe("SEC-T5 refresh tokens", () => {
  test("SEC-T5 each use gives the next token, and extends the expiry", () => {
    const family = rotated(FAMILY, "first", "second", 500);
    expect(family).toEqual({
      ...FAMILY,
      expiresAt: 500 + LIFETIME,
      tokens: [
        { hash: "first", issuedAt: 0, usedAt: 500 },
        { hash: "second", issuedAt: 500 },
      ],
    });
    expect(rotated(family, "second", "third", 900_000).tokens.map(({ hash }) => hash)).toEqual([
      "second",
      "third",
    ]);
  });

  test("SEC-T5 within the grace a used token gets another successor, and both are valid", () => {
    let family = rotated(FAMILY, "first", "lost", 0);
    family = rotated(family, "first", "second", REFRESH_GRACE_MS - 1);
    expect(use(family, "lost", "x", 50_000).outcome).toBe("rotate");
    expect(use(family, "second", "x", 50_000).outcome).toBe("rotate");
  });

  test("SEC-T5 after the grace a used token is reuse, and a retry within it does not lengthen it", () => {
    let family = rotated(FAMILY, "first", "second", 0);
    family = rotated(family, "first", "third", REFRESH_GRACE_MS - 1);
    expect(use(family, "first", "x", REFRESH_GRACE_MS).outcome).toBe("reused");
  });

  test("SEC-T5 a token with the family's id that is not, or no longer, part of it is reuse", () => {
    const family = rotated(rotated(FAMILY, "first", "second", 0), "second", "third", 100_000);
    expect(use(family, "first", "x", 100_001).outcome).toBe("reused");
    expect(use(family, "invented", "x", 100_001).outcome).toBe("reused");
  });

  test("SEC-T5 a family that was not used for its lifetime is expired, whatever token is presented", () => {
    expect(use(FAMILY, "first", "x", LIFETIME - 1).outcome).toBe("rotate");
    expect(use(FAMILY, "first", "x", LIFETIME).outcome).toBe("expired");
    expect(use(FAMILY, "invented", "x", LIFETIME).outcome).toBe("expired");
  });

  test("B2 a limited number is issued in a row; a client that waits as asked gets the next", () => {
    let family = FAMILY;
    let last = "first";
    for (let k = 1; k < MAX_LIVE_TOKENS; k++) {
      family = rotated(family, last, `next-${k}`, k);
      last = `next-${k}`;
    }
    const decision = use(family, last, "x", 100);
    expect(decision).toEqual({ outcome: "too_soon", retryAfter: REFRESH_GRACE_MS - 100 });
    expect(use(family, last, "x", REFRESH_GRACE_MS - 1).outcome).toBe("too_soon");
    expect(use(family, last, "x", REFRESH_GRACE_MS).outcome).toBe("rotate");
    expect(use(family, "invented", "x", 100).outcome).toBe("reused");
  });

  // The story: twelve tabs woke up and showed the same token. Eight got another one, which pushed the one they had shown out
  // of the family; the ninth was taken for a thief, and all twelve were signed out.
  test("SEC-T5 B2 many tabs with one old token get new ones or have to wait, and none counts as a thief", () => {
    const old = { ...FAMILY, tokens: [{ hash: "first", issuedAt: 0 }] };
    let family: RefreshFamily = old;
    const outcomes = Array.from({ length: 12 }, (_, tab) => {
      const decision = use(family, "first", `tab ${tab}`, 100_000 + tab);
      if (decision.outcome === "rotate") family = decision.family;
      return decision.outcome;
    });
    expect(outcomes).toEqual([...Array(MAX_LIVE_TOKENS).fill("rotate"), ...Array(4).fill("too_soon")]);
    for (let tab = 0; tab < MAX_LIVE_TOKENS; tab++)
      expect(use(family, `tab ${tab}`, "next", 100_000 + 2 * REFRESH_GRACE_MS).outcome).toBe("rotate");
  });

  test("B1 a family stays small, however often a token is repeated within the grace", () => {
    let family = FAMILY;
    for (let k = 0; k < 100; k++) {
      const decision = use(family, "first", `next-${k}`, k);
      if (decision.outcome === "rotate") family = decision.family;
    }
    expect(family.tokens.length).toBeLessThanOrEqual(MAX_LIVE_TOKENS);
  });
});
