// The port for sign-in throttles (src/core/ports/throttle.ts) in executable form. An adapter's own test file opens it and calls
// this. The rules themselves are tested where they are decided: test/core/access/sign-in-throttle.test.ts.
import { describe, expect, test } from "bun:test";
import { ACCOUNT_BACKOFF_INITIAL_MS, IN_FLIGHT_TIMEOUT_MS } from "../../src/core/access/sign-in-throttle.ts";
import type { ThrottleLimits, ThrottleStore } from "../../src/core/ports/throttle.ts";
import { ManualClock } from "../support/time/manual-clock.ts";

/** A throttle on its own data, made for one test, whose time is the clock's. */
export interface OpenedThrottle extends AsyncDisposable {
  readonly throttle: ThrottleStore;
}

const LIMITS: ThrottleLimits = { failures: 5, window: 300_000, attemptsPerMinute: 30 };
const MINUTE = 60_000;

/** Every MUST of the throttle port. */
export function throttleContract(
  name: string,
  open: (clock: ManualClock, limits: ThrottleLimits) => Promise<OpenedThrottle>,
): void {
  async function begin(limits = LIMITS) {
    const clock = new ManualClock();
    const opened = await open(clock, limits);
    const { throttle } = opened;
    /** An attempt with a wrong password, if it is allowed. */
    const guess = async (account: string, address: string) => {
      const decision = await throttle.attempt(account, address);
      if (decision.allowed) await throttle.failed(account, address);
      return decision;
    };
    /** How long the next attempt has to wait; 0 when it is allowed (it is withdrawn again). */
    const waitOf = async (account: string, address: string) => {
      const decision = await throttle.attempt(account, address);
      if (decision.allowed) await throttle.cancelled(account, address);
      return decision.allowed ? 0 : decision.retryAfter;
    };
    const close = () => opened[Symbol.asyncDispose]();
    return { throttle, clock, guess, waitOf, [Symbol.asyncDispose]: close };
  }

  describe(`throttle contract: ${name}`, () => {
    test("SEC-S3 five failures are allowed, the sixth attempt waits; each further failure doubles the wait", async () => {
      await using store = await begin();
      for (let i = 0; i < 5; i++) expect((await store.guess("ann", "a")).allowed).toBe(true);
      for (const minutes of [1, 2, 4]) {
        const refusal = { allowed: false, retryAfter: minutes * MINUTE, rule: "account_and_address" };
        expect(await store.throttle.attempt("ann", "a")).toMatchObject(refusal);
        store.clock.advance(minutes * MINUTE - 1);
        expect(await store.waitOf("ann", "a")).toBe(1);
        store.clock.advance(1);
        expect((await store.guess("ann", "a")).allowed).toBe(true);
      }
      expect(await store.waitOf("ann", "b")).toBe(0);
      expect(await store.waitOf("bob", "a")).toBe(0);
    });

    test("B3 SEC-S3 a name may be as long as a body, and all of it counts", async () => {
      await using store = await begin();
      const long = "u".repeat(16_000);
      for (let i = 0; i < 5; i++) expect((await store.guess(`${long}1`, "a")).allowed).toBe(true);
      expect(await store.waitOf(`${long}1`, "a")).toBe(MINUTE);
      expect(await store.waitOf(`${long}2`, "a")).toBe(0);
      expect(await store.waitOf(`2${long}`, "a")).toBe(0);
    });

    test("SEC-S3 success clears account + address, and nothing of others", async () => {
      await using store = await begin();
      for (let i = 0; i < 4; i++) for (const address of ["a", "b"]) await store.guess("ann", address);
      expect((await store.throttle.attempt("ann", "a")).allowed).toBe(true);
      await store.throttle.succeeded("ann", "a");
      for (let i = 0; i < 4; i++) await store.guess("ann", "a");
      await store.guess("ann", "b");
      expect([await store.waitOf("ann", "a"), await store.waitOf("ann", "b")]).toEqual([0, MINUTE]);
    });

    test("SEC-S3 attempts sent all at once get no more than five passwords hashed", async () => {
      await using store = await begin();
      const attempts = Array.from({ length: 20 }, () => store.throttle.attempt("ann", "a"));
      const decisions = await Promise.all(attempts);
      expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(5);
      await Promise.all(Array.from({ length: 5 }, () => store.throttle.failed("ann", "a")));
      expect(await store.waitOf("ann", "a")).toBe(MINUTE);
    });

    test("SEC-S3 an attempt whose password was never compared does not count", async () => {
      await using store = await begin();
      for (let i = 0; i < 20; i++) {
        expect((await store.throttle.attempt("ann", "a")).allowed).toBe(true);
        await store.throttle.cancelled("ann", "a");
      }
    });

    // A node that crashed while it hashed had locked the pair for an hour.
    test("SEC-S3 attempts that are never settled expire", async () => {
      await using store = await begin();
      for (let i = 0; i < 5; i++) await store.throttle.attempt("ann", "a");
      expect(await store.waitOf("ann", "a")).toBeGreaterThan(0);
      store.clock.advance(IN_FLIGHT_TIMEOUT_MS);
      expect(await store.waitOf("ann", "a")).toBe(0);
    });

    test("SEC-S3 an address may fail thirty times a minute, also all at once and for any account", async () => {
      await using store = await begin({ ...LIMITS, attemptsPerMinute: 600 });
      const accounts = Array.from({ length: 40 }, (_, k) => `user${k}`);
      const decisions = await Promise.all(accounts.map((account) => store.throttle.attempt(account, "a")));
      expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(30);
      for (const [at, account] of accounts.entries())
        if (decisions[at]!.allowed) await store.throttle.failed(account, "a");
      const refusal = { allowed: false, retryAfter: MINUTE, rule: "address" } as const;
      expect(await store.throttle.attempt("ann", "a")).toEqual(refusal);
      expect((await store.throttle.attempt("ann", "b")).allowed).toBe(true);
      store.clock.advance(MINUTE);
      expect((await store.throttle.attempt("ann", "a")).allowed).toBe(true);
    });

    test("SEC-S3 an address whose sign-ins succeed may continue, up to its minute's limit", async () => {
      await using store = await begin({ ...LIMITS, attemptsPerMinute: 60 });
      for (let i = 0; i < 60; i++) {
        expect((await store.throttle.attempt(`user${i}`, "a")).allowed).toBe(true);
        if (i % 2 === 0) await store.throttle.succeeded(`user${i}`, "a");
        else await store.throttle.cancelled(`user${i}`, "a");
      }
      const refusal = { allowed: false, retryAfter: 1_000, rule: "address" } as const;
      expect(await store.throttle.attempt("ann", "a")).toEqual(refusal);
      store.clock.advance(1_000);
      expect((await store.throttle.attempt("ann", "a")).allowed).toBe(true);
    });

    test("SEC-S3 attempts refused for their address do not count against the account", async () => {
      await using store = await begin({ ...LIMITS, attemptsPerMinute: 3 });
      for (let i = 0; i < 3; i++) await store.guess(`user${i}`, "a");
      for (let i = 0; i < 10; i++) expect((await store.guess("ann", "a")).allowed).toBe(false);
      store.clock.advance(MINUTE);
      expect(await store.waitOf("ann", "a")).toBe(0);
    });

    test("SEC-S3 an attacked account is slowed down for all addresses, and accepts a user who waits as asked", async () => {
      await using store = await begin();
      for (let i = 0; i < 20; i++) await store.guess("ann", `stranger${i}`);
      const refusal = { allowed: false, retryAfter: ACCOUNT_BACKOFF_INITIAL_MS, rule: "account" } as const;
      expect(await store.throttle.attempt("ann", "home")).toEqual(refusal);
      await store.guess("ann", "another");
      store.clock.advance(ACCOUNT_BACKOFF_INITIAL_MS);
      expect((await store.throttle.attempt("ann", "home")).allowed).toBe(true);
    });

    test("SEC-S3 a limit of 0 turns the limit off", async () => {
      await using store = await begin({ failures: 0, window: 300_000, attemptsPerMinute: 0 });
      for (let i = 0; i < 50; i++) expect((await store.guess("ann", "a")).allowed).toBe(true);
    });

    test("SEC-S3 a name can be any text", async () => {
      await using store = await begin();
      for (const account of ["", "}", "{u:ann}", "a b", "ann:throttle", "x".repeat(5_000), "\u0000é"]) {
        for (let i = 0; i < 5; i++) expect((await store.guess(account, account)).allowed).toBe(true);
        expect(await store.waitOf(account, account)).toBe(MINUTE);
      }
      expect(await store.waitOf("ann", "home")).toBe(0);
    });
  });
}
