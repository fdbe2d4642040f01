// The port for refresh tokens (src/core/ports/refresh-tokens.ts) in executable form. A store's own test file opens it and calls this.
import { describe, expect, test } from "bun:test";
import { MAX_FAMILIES_PER_USER, type RefreshFamily } from "../../src/core/access/refresh-rotation.ts";
import type { RefreshTokenStore } from "../../src/core/ports/refresh-tokens.ts";
import { ManualClock } from "../support/time/manual-clock.ts";

/** A store of refresh tokens on data of its own, made for one test. */
export interface OpenedRefreshTokens {
  readonly refreshTokens: RefreshTokenStore;
  /** Closes it, and opens another store on the same data. */
  reopen(): Promise<RefreshTokenStore>;
  /** Lets time pass for the store, after `clock` was moved; without it, `clock` alone is its time. */
  pass?(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

const HOUR = 3_600_000;

/** Every MUST of the port for refresh tokens. */
export function refreshContract(
  name: string,
  open: (clock: ManualClock) => Promise<OpenedRefreshTokens>,
): void {
  async function begin() {
    const clock = new ManualClock();
    const opened = await open(clock);
    const familyOf = (id: string, change: Partial<RefreshFamily> = {}): RefreshFamily => ({
      id,
      user: "ann",
      account: 7,
      signedInAt: clock.now(),
      expiresAt: clock.now() + HOUR,
      tokens: [{ hash: "h", issuedAt: 0 }],
      ...change,
    });
    return { ...opened, clock, familyOf, [Symbol.asyncDispose]: opened.close };
  }

  describe(`refresh contract: ${name}`, () => {
    test("SEC-T5 a family is found as it was added, also after reopening", async () => {
      await using store = await begin();
      const family = store.familyOf("one", {
        tokens: [
          { hash: "a", issuedAt: 1, usedAt: 3 },
          { hash: "b", issuedAt: 3 },
        ],
      });
      await store.refreshTokens.add(family);
      expect(await store.refreshTokens.find("one")).toEqual(family);
      const again = await store.reopen();
      expect(await again.find("one")).toEqual(family);
      expect(await again.find("two")).toBeUndefined();
    });

    test("SEC-T5 when two change a family at once, one succeeds; the other finds it changed", async () => {
      await using store = await begin();
      const { refreshTokens } = store;
      const family = store.familyOf("one");
      await refreshTokens.add(family);
      const expiresAt = family.expiresAt + 1;
      const mine = { ...family, expiresAt, tokens: [{ hash: "mine", issuedAt: 0 }] };
      const theirs = { ...family, expiresAt, tokens: [{ hash: "theirs", issuedAt: 0 }] };
      const replaced = await Promise.all([
        refreshTokens.replace(family, mine),
        refreshTokens.replace(family, theirs),
      ]);
      expect(replaced.filter(Boolean)).toHaveLength(1);
      expect(await refreshTokens.replace(family, undefined)).toBe(false);
      const left = await refreshTokens.find("one");
      expect(left).toEqual(replaced[0] ? mine : theirs);
      expect(await refreshTokens.replace(left!, undefined)).toBe(true);
      expect(await refreshTokens.find("one")).toBeUndefined();
      expect(await refreshTokens.replace(left!, family)).toBe(false);
      expect(await refreshTokens.find("one")).toBeUndefined();
    });

    test("SEC-T5 a family can be replaced, use after use", async () => {
      await using store = await begin();
      await store.refreshTokens.add(store.familyOf("one"));
      for (let use = 1; use <= 3; use++) {
        const found = (await store.refreshTokens.find("one"))!;
        const used = found.tokens.map((token) => ({ ...token, usedAt: use }));
        const after = { ...found, tokens: [...used, { hash: `h${use}`, issuedAt: use }] };
        expect(await store.refreshTokens.replace(found, after)).toBe(true);
      }
      expect((await store.refreshTokens.find("one"))?.tokens.map(({ hash }) => hash)).toEqual([
        "h",
        "h1",
        "h2",
        "h3",
      ]);
    });

    test("SEC-T5 only its own user removes a family", async () => {
      await using store = await begin();
      const { refreshTokens } = store;
      await refreshTokens.add(store.familyOf("one"));
      await refreshTokens.remove("one", "ben");
      expect(await refreshTokens.find("one")).toBeDefined();
      await refreshTokens.remove("one", "ann");
      expect(await refreshTokens.find("one")).toBeUndefined();
    });

    test("B1 a user has a limited number of families, and expired ones are dropped", async () => {
      await using store = await begin();
      const { refreshTokens, clock, familyOf } = store;
      await refreshTokens.add(familyOf("other", { user: "ben", signedInAt: 0 }));
      for (let k = 0; k <= MAX_FAMILIES_PER_USER; k++)
        await refreshTokens.add(familyOf(`family-${k}`, { signedInAt: clock.now() + k }));
      expect(await refreshTokens.find("family-0")).toBeUndefined();
      expect(await refreshTokens.find("family-1")).toBeDefined();
      expect(await refreshTokens.find("other")).toBeDefined();
      clock.advance(HOUR);
      await store.pass?.(HOUR);
      await refreshTokens.add(familyOf("late"));
      expect(await refreshTokens.find("other")).toBeUndefined();
      expect(await refreshTokens.find("late")).toBeDefined();
    });

    test("B1 a family that is used stays, however long ago its user signed in", async () => {
      await using store = await begin();
      const { refreshTokens, clock } = store;
      await refreshTokens.add(store.familyOf("used"));
      clock.advance(HOUR - 60_000);
      await store.pass?.(HOUR - 60_000);
      const found = (await refreshTokens.find("used"))!;
      await refreshTokens.replace(found, { ...found, expiresAt: clock.now() + HOUR });
      clock.advance(HOUR - 60_000);
      await store.pass?.(HOUR - 60_000);
      await refreshTokens.add(store.familyOf("another"));
      expect(await refreshTokens.find("used")).toBeDefined();
    });
  });
}
