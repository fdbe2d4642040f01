import { describe, expect, test } from "bun:test";
import { ACCOUNT_BACKOFF_MAX_MS } from "../../../src/core/access/sign-in-throttle.ts";
import type { ThrottleDecision } from "../../../src/core/ports/throttle.ts";
import { SignInThrottle } from "../../../src/engine/local/sign-in-throttle.ts";

const LIMITS = { failures: 5, window: 300_000, attemptsPerMinute: 30 };
const MINUTE = 60_000;

/** An attempt with a wrong password, if it is allowed. */
function guess(throttle: SignInThrottle, account: string, address: string, now: number): ThrottleDecision {
  const decision = throttle.attempt(account, address, now);
  if (decision.allowed) throttle.failed(account, address, now);
  return decision;
}

/** How long the next attempt has to wait; 0 when it is allowed (it is withdrawn again). */
function waitOf(throttle: SignInThrottle, account: string, address: string, now: number): number {
  const decision = throttle.attempt(account, address, now);
  if (decision.allowed) throttle.cancelled(account, address);
  return decision.allowed ? 0 : decision.retryAfter;
}

describe("SEC-S3 account + address", () => {
  test("SEC-S3 five failures in five minutes are allowed, the sixth attempt waits", () => {
    const throttle = new SignInThrottle(LIMITS);
    for (let i = 0; i < 5; i++) expect(guess(throttle, "ann", "a", i * 1000).allowed).toBe(true);
    expect(throttle.attempt("ann", "a", 5000)).toEqual({
      allowed: false,
      retryAfter: 4000 + MINUTE - 5000,
      rule: "account_and_address",
    });
    expect(waitOf(throttle, "ann", "b", 5000)).toBe(0);
    expect(waitOf(throttle, "bob", "a", 5000)).toBe(0);
  });

  test("SEC-S3 each failure after the fifth doubles the wait, up to an hour", () => {
    const throttle = new SignInThrottle(LIMITS);
    let now = 0;
    for (let i = 0; i < 5; i++) guess(throttle, "ann", "a", now);
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const wait = waitOf(throttle, "ann", "a", now);
      waits.push(wait / MINUTE);
      now += wait;
      expect(guess(throttle, "ann", "a", now).allowed).toBe(true);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  });

  test("SEC-S3 attempts while waiting do not lengthen the wait", () => {
    const throttle = new SignInThrottle(LIMITS);
    for (let i = 0; i < 5; i++) guess(throttle, "ann", "a", 0);
    for (let now = 1; now < MINUTE; now += 500) expect(waitOf(throttle, "ann", "a", now)).toBe(MINUTE - now);
    expect(waitOf(throttle, "ann", "a", MINUTE)).toBe(0);
  });

  test("SEC-S3 failures older than the window do not count", () => {
    const throttle = new SignInThrottle(LIMITS);
    for (let i = 0; i < 4; i++) guess(throttle, "ann", "a", 0);
    expect(guess(throttle, "ann", "a", 300_000).allowed).toBe(true);
    expect(waitOf(throttle, "ann", "a", 300_001)).toBe(0);
  });

  test("SEC-S3 after a window without attempts the count starts at zero", () => {
    const throttle = new SignInThrottle(LIMITS);
    for (let i = 0; i < 5; i++) guess(throttle, "ann", "a", 0);
    const later = MINUTE + LIMITS.window;
    for (let i = 0; i < 4; i++) guess(throttle, "ann", "a", later);
    expect(waitOf(throttle, "ann", "a", later)).toBe(0);
  });

  test("SEC-S3 success clears account + address", () => {
    const throttle = new SignInThrottle(LIMITS);
    for (let i = 0; i < 4; i++) guess(throttle, "ann", "a", 0);
    expect(throttle.attempt("ann", "a", 1).allowed).toBe(true);
    throttle.succeeded("ann", "a");
    for (let i = 0; i < 5; i++) expect(guess(throttle, "ann", "a", 2).allowed).toBe(true);
    expect(waitOf(throttle, "ann", "a", 2)).toBe(MINUTE);
  });

  test("SEC-S3 attempts sent all at once get no more than five passwords hashed", () => {
    const throttle = new SignInThrottle(LIMITS);
    const decisions = Array.from({ length: 20 }, () => throttle.attempt("ann", "a", 0));
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(5);
    for (let i = 0; i < 5; i++) throttle.failed("ann", "a", 200);
    expect(waitOf(throttle, "ann", "a", 200)).toBe(MINUTE);
  });

  test("SEC-S3 an attempt whose password was never compared does not count", () => {
    const throttle = new SignInThrottle(LIMITS);
    for (let i = 0; i < 20; i++) {
      expect(throttle.attempt("ann", "a", i).allowed).toBe(true);
      throttle.cancelled("ann", "a");
    }
  });
});

describe("SEC-S3 address", () => {
  test("SEC-S3 thirty failures in any minute, for any account", () => {
    const throttle = new SignInThrottle(LIMITS);
    for (let i = 0; i < 30; i++) expect(guess(throttle, `user${i}`, "a", i * 100).allowed).toBe(true);
    expect(throttle.attempt("ann", "a", 3000)).toEqual({
      allowed: false,
      retryAfter: MINUTE - 3000,
      rule: "address",
    });
    expect(throttle.attempt("ann", "b", 3000).allowed).toBe(true);
    expect(throttle.attempt("ann", "a", MINUTE - 1).allowed).toBe(false);
    expect(throttle.attempt("ann", "a", MINUTE).allowed).toBe(true);
    expect(throttle.attempt("ann", "a", MINUTE).allowed).toBe(false);
  });

  test("SEC-S3 attempts that are being hashed count as failures, and waiting a second resolves that", () => {
    const throttle = new SignInThrottle({ ...LIMITS, attemptsPerMinute: 600 });
    for (let i = 0; i < 30; i++) expect(throttle.attempt(`user${i}`, "a", 0).allowed).toBe(true);
    expect(throttle.attempt("ann", "a", 0)).toEqual({ allowed: false, retryAfter: 1_000, rule: "address" });
    throttle.succeeded("user0", "a");
    throttle.cancelled("user1", "a");
    throttle.failed("user2", "a", 500);
    for (const [account, allowed] of [
      ["ann", true],
      ["ben", true],
      ["cleo", false],
    ] as const)
      expect(throttle.attempt(account, "a", 1_000).allowed).toBe(allowed);
  });

  test("SEC-S3 an office of 400 signs in from one address as fast as passwords are hashed, with the defaults", () => {
    const throttle = new SignInThrottle({ ...LIMITS, attemptsPerMinute: 600 });
    for (let i = 0; i < 400; i++) {
      expect(throttle.attempt(`user${i}`, "a", i * 75).allowed).toBe(true);
      throttle.succeeded(`user${i}`, "a");
    }
  });

  test("SEC-S3 successful attempts are limited, too: a minute's worth at once, then one at a time", () => {
    const throttle = new SignInThrottle({ ...LIMITS, attemptsPerMinute: 600 });
    for (let i = 0; i < 600; i++) {
      expect(throttle.attempt("ann", "a", 0).allowed).toBe(true);
      throttle.succeeded("ann", "a");
    }
    expect(throttle.attempt("ann", "a", 0)).toEqual({ allowed: false, retryAfter: 100, rule: "address" });
    expect(throttle.attempt("ann", "a", 100).allowed).toBe(true);
    expect(throttle.attempt("ann", "a", 100).allowed).toBe(false);
  });
});

describe("SEC-S3 account", () => {
  /** Wrong passwords for `account`, one from each of `count` addresses, which wait as asked. */
  function attack(throttle: SignInThrottle, account: string, count: number, now: number): void {
    for (let i = 0; i < count; i++) {
      throttle.attempt(account, `stranger${i}`, now);
      throttle.failed(account, `stranger${i}`, now);
    }
  }

  test("SEC-S3 an attacked account is slowed down, with a wait that grows to a limit", () => {
    const waits = [19, 20, 25, 30, 45, 500].map((failures) => {
      const throttle = new SignInThrottle(LIMITS);
      attack(throttle, "ann", failures, 0);
      return waitOf(throttle, "ann", "home", 0);
    });
    expect(waits).toEqual([0, 1000, 2000, 4000, ACCOUNT_BACKOFF_MAX_MS, ACCOUNT_BACKOFF_MAX_MS]);
  });

  test("SEC-S3 an attack never locks an account: a user who waits as asked is admitted", () => {
    const throttle = new SignInThrottle(LIMITS);
    attack(throttle, "ann", 1000, 0);
    const wait = waitOf(throttle, "ann", "home", 0);
    for (let now = 0; now < wait; now += 100) attack(throttle, "ann", 50, now);
    expect(throttle.attempt("ann", "home", wait).allowed).toBe(true);
    throttle.succeeded("ann", "home");
  });

  test("SEC-S3 each further attempt on an attacked account waits again", () => {
    const throttle = new SignInThrottle(LIMITS);
    attack(throttle, "ann", 20, 0);
    guess(throttle, "ann", "x", 0);
    expect(guess(throttle, "ann", "x", 1000).allowed).toBe(true);
    expect(waitOf(throttle, "ann", "x", 1000)).toBe(1000);
  });

  test("SEC-S3 the attack is over when its failures have left the window", () => {
    const throttle = new SignInThrottle(LIMITS);
    attack(throttle, "ann", 500, 0);
    expect(waitOf(throttle, "ann", "home", LIMITS.window)).toBe(0);
  });
});

describe("SEC-S3 bounds", () => {
  test("SEC-S3 invented names and addresses use bounded memory, and the oldest are forgotten first", () => {
    const throttle = new SignInThrottle(LIMITS, 100);
    for (let i = 0; i < 5; i++) guess(throttle, "ann", "a", 0);
    for (let i = 0; i < 5; i++) guess(throttle, "bob", "b", 0);
    for (let i = 0; i < 99; i++) guess(throttle, `name${i}`, `address${i}`, 1);
    expect(throttle.size).toBeLessThanOrEqual(300);
    expect(waitOf(throttle, "bob", "b", 2)).toBeGreaterThan(0);
    expect(waitOf(throttle, "ann", "a", 2)).toBe(0);
  });

  test("SEC-S3 expired entries are removed", () => {
    const throttle = new SignInThrottle(LIMITS);
    for (let i = 0; i < 1000; i++) guess(throttle, `name${i}`, `address${i}`, 0);
    throttle.attempt("ann", "a", 3_600_000 + LIMITS.window);
    expect(throttle.size).toBe(2);
  });

  test("SEC-S3 a limit of 0 turns the limit off", () => {
    const throttle = new SignInThrottle({ failures: 0, window: 300_000, attemptsPerMinute: 0 });
    for (let i = 0; i < 1000; i++) expect(guess(throttle, "ann", "a", 0).allowed).toBe(true);
    expect(throttle.size).toBe(0);
  });
});
