import { describe, expect, test } from "bun:test";
import { MAX_DELAY_MS, MAX_DELAYED_REQUESTS, RequestGuard } from "../../../src/core/access/request-guard.ts";

const RULE = { rate: 20, size: 40 };
const ANN = { kind: "user", name: "ann" } as const;

describe("M2 the guard of HTTP requests", () => {
  test("M2 a bucketful passes at once, the next ones wait, and a request that would wait too long is refused", () => {
    const guard = new RequestGuard(RULE);
    const verdicts = Array.from({ length: 300 }, () => guard.acquire(ANN, 0));
    expect(verdicts.slice(0, 40)).toEqual(Array(40).fill({ allowed: true, wait: 0 }));
    expect(verdicts.slice(40, 43)).toEqual([50, 100, 150].map((wait) => ({ allowed: true, wait })));
    expect(verdicts[139]).toEqual({ allowed: true, wait: MAX_DELAY_MS });
    // Refused ones are not counted: more attempts do not lengthen the wait.
    expect(verdicts.slice(140)).toEqual(Array(160).fill({ allowed: false, retryAfter: 50 }));
    expect(guard.acquire(ANN, 50)).toEqual({ allowed: true, wait: MAX_DELAY_MS });
  });

  test("M2 sequential requests are never refused, however many they are", () => {
    const guard = new RequestGuard(RULE);
    let now = 0;
    for (let i = 0; i < 1000; i++) {
      const verdict = guard.acquire(ANN, now);
      if (!verdict.allowed) throw new Error(`request ${i} was refused`);
      if (verdict.wait > 0) guard.release();
      now += verdict.wait + 1;
    }
    // 40 at once, then 20 a second.
    expect(now / 1000).toBeWithin(47, 50);
  });

  test("M2 each user, key and address has its own bucket; a key and an address have larger ones", () => {
    const guard = new RequestGuard(RULE);
    const pass = (kind: "user" | "key" | "address", name: string) => {
      let passed = 0;
      for (let verdict = guard.acquire({ kind, name }, 0); verdict.allowed && verdict.wait === 0; passed++)
        verdict = guard.acquire({ kind, name }, 0);
      return passed;
    };
    expect([pass("user", "a"), pass("user", "b"), pass("key", "a"), pass("address", "a")]).toEqual([
      40, 40, 2000, 200,
    ]);
  });

  test("M2 a limited number of requests waits at a time", () => {
    const guard = new RequestGuard(RULE);
    const fill = (name: string) =>
      Array.from({ length: 140 }, () => guard.acquire({ kind: "user", name }, 0));
    for (let i = 0; i < MAX_DELAYED_REQUESTS / 100; i++) fill(`u${i}`);
    expect(fill("late").filter(({ allowed }) => allowed)).toHaveLength(40);
    guard.release();
    expect(guard.acquire({ kind: "user", name: "late" }, 0)).toEqual({ allowed: true, wait: 50 });
  });

  test("B3 it remembers a limited number of names", () => {
    const guard = new RequestGuard(RULE, 2);
    for (let i = 0; i < 40; i++) guard.acquire(ANN, 0);
    for (const name of ["b", "c"]) guard.acquire({ kind: "user", name }, 0);
    expect(guard.acquire(ANN, 0)).toEqual({ allowed: true, wait: 0 });
  });

  test("M2 BURST_RATE 0 turns it off", () => {
    const guard = new RequestGuard({ rate: 0, size: 1 });
    for (let i = 0; i < 1000; i++) expect(guard.acquire(ANN, 0)).toEqual({ allowed: true, wait: 0 });
  });
});
