// The account port (src/core/ports/accounts.ts) in executable form. A store's own test file opens it and calls this.
import { describe, expect, test } from "bun:test";
import type { Account, AccountStore } from "../../src/core/ports/accounts.ts";
import { accountOf } from "../support/server/test-server.ts";
import { ManualClock } from "../support/time/manual-clock.ts";

/** An account store on data of its own, made for one test. */
export interface OpenedAccounts {
  readonly accounts: AccountStore;
  /** Opens the same data a second time, as another process does; `close` closes it with the rest. */
  openOther(): Promise<AccountStore>;
  /** Closes all, and opens another store on the same data. */
  reopen(): Promise<AccountStore>;
  /** Advances the store's time, and resolves when due work is done; without it, `clock` alone is its time. */
  pass?(milliseconds: number): Promise<void>;
  /** Closes all and deletes the data. */
  close(): Promise<void>;
}

/** Opens a store that polls for changes by other processes on `clock`. */
export type OpenAccounts = (clock: ManualClock) => Promise<OpenedAccounts>;

/** The port promises others' changes within this many milliseconds. */
const SECOND = 1_000;

const ANNA = accountOf("anna", { passwordHash: "$2b$04$anna", createdAt: 1_735_689_600_000 });
const BEN = accountOf("ben", { plan: "basic", demo: true, disabled: true, passwordHash: "$2b$04$ben" });

/** Every MUST of the account port. */
export function accountContract(name: string, open: OpenAccounts): void {
  async function begin() {
    const clock = new ManualClock();
    const opened = await open(clock);
    const pass = opened.pass ?? (async (milliseconds) => clock.advance(milliseconds));
    return { ...opened, pass, [Symbol.asyncDispose]: opened.close };
  }

  /** Watches, and records each change as `user: plan` or `user: gone`. */
  function watch(accounts: AccountStore): { changes: string[]; stop: () => void } {
    const changes: string[] = [];
    const stop = accounts.watch((user, account) => {
      changes.push(`${user}: ${account === undefined ? "gone" : account.plan}`);
    });
    return { changes, stop };
  }

  describe(`account contract: ${name}`, () => {
    test("SEC-S1 SEC-T6 an account is found as it was added, field by field, also after reopening", async () => {
      await using store = await begin();
      expect(await store.accounts.find("anna")).toBeUndefined();
      expect(await store.accounts.add(ANNA)).toBe(true);
      expect(await store.accounts.add(BEN)).toBe(true);
      expect(await store.accounts.find("anna")).toEqual(ANNA);
      expect(await store.accounts.find("ben")).toEqual(BEN);
      const again = await store.reopen();
      expect(await again.find("anna")).toEqual(ANNA);
      expect(await again.find("ben")).toEqual(BEN);
    });

    test("SEC-T6 names are distinguished by every character, and no part of a name is a command", async () => {
      await using store = await begin();
      const names = ["anna", "Anna", "ANNA", "a", "an.na", "an_na", "a%", "__proto__", "x@y.example", "a--"];
      for (const user of names) expect(await store.accounts.add(accountOf(user, { plan: user }))).toBe(true);
      for (const user of names) expect((await store.accounts.find(user))?.plan).toBe(user);
      expect(await store.accounts.find("_nna")).toBeUndefined();
    });

    test("SEC-T6 the list holds all accounts, ordered by user", async () => {
      await using store = await begin();
      expect(await store.accounts.list()).toEqual([]);
      for (const user of ["b", "a", "C", "ab", "a1"]) await store.accounts.add(accountOf(user));
      const users = (await store.accounts.list()).map(({ user }) => user);
      expect(users).toEqual(["C", "a", "a1", "ab", "b"]);
    });

    test("OA4 pages of the list are ordered by user, and hold the accounts of the filter", async () => {
      await using store = await begin();
      const { accounts } = store;
      expect(await accounts.page({ limit: 2 }, {})).toEqual({ accounts: [], more: false });
      // More than one reading of a store that finds the names of a page among all.
      const users = Array.from({ length: 1_100 }, (_, i) => `u${(i * 7919) % 1_100}`);
      for (const [i, user] of users.entries())
        await accounts.add(
          accountOf(user, { plan: i % 100 === 0 ? "basic" : "free", disabled: i % 200 === 0 }),
        );
      const all = async (filter: Parameters<typeof accounts.page>[1], limit: number) => {
        const found: string[] = [];
        for (let after: string | undefined; ; after = found.at(-1)) {
          const page = await accounts.page({ after, limit }, filter);
          found.push(...page.accounts.map(({ user }) => user));
          expect(page.more ? page.accounts.length : limit).toBe(limit);
          if (!page.more) return found;
        }
      };
      const named = (every: number) => users.filter((_, i) => i % every === 0).sort();
      expect(await all({}, 275)).toEqual(named(1));
      expect(await all({ plan: "basic" }, 5)).toEqual(named(100));
      expect(await all({ disabled: true }, 200)).toEqual(named(200));
      expect(await all({ plan: "basic", disabled: false }, 3)).toHaveLength(5);
      expect(await all({ plan: "none" }, 3)).toEqual([]);
    });

    test("SEC-T6 adding an account that exists changes nothing and returns false", async () => {
      await using store = await begin();
      await store.accounts.add(ANNA);
      expect(await store.accounts.add({ ...BEN, user: "anna" })).toBe(false);
      expect(await store.accounts.find("anna")).toEqual(ANNA);
    });

    test("SEC-T6 an update changes the given fields only, and returns the account after the change", async () => {
      await using store = await begin();
      await store.accounts.add(ANNA);
      await store.accounts.add(BEN);
      let expected: Account = ANNA;
      for (const change of [
        { plan: "premium" },
        { disabled: true },
        { passwordHash: "$2b$12$new" },
        { demo: true },
        { disabled: false, demo: false },
        {},
      ]) {
        expected = { ...expected, ...change };
        expect(await store.accounts.update("anna", change)).toEqual(expected);
        expect(await store.accounts.find("anna")).toEqual(expected);
      }
      expect(await store.accounts.find("ben")).toEqual(BEN);
      expect(await store.accounts.update("nobody", { plan: "basic" })).toBeUndefined();
      expect(await store.accounts.find("nobody")).toBeUndefined();
    });

    test("SEC-T6 a removed account is gone, and its name can be used again", async () => {
      await using store = await begin();
      await store.accounts.add(ANNA);
      expect(await store.accounts.remove("anna")).toBe(true);
      expect(await store.accounts.remove("anna")).toBe(false);
      expect(await store.accounts.find("anna")).toBeUndefined();
      expect(await store.accounts.add({ ...BEN, user: "anna" })).toBe(true);
    });

    test("SEC-S1 a store is seeded once, and never after it held an account", async () => {
      await using seeded = await begin();
      expect(await seeded.accounts.seed([ANNA, BEN])).toBe(true);
      expect(await seeded.accounts.list()).toEqual([ANNA, BEN]);
      expect(await seeded.accounts.seed([accountOf("carl")])).toBe(false);
      for (const user of ["anna", "ben"]) await seeded.accounts.remove(user);
      expect(await seeded.accounts.seed([ANNA])).toBe(false);
      const again = await seeded.reopen();
      expect(await again.seed([ANNA])).toBe(false);
      expect(await again.list()).toEqual([]);

      await using used = await begin();
      await used.accounts.add(ANNA);
      await used.accounts.remove("anna");
      expect(await used.accounts.seed([BEN])).toBe(false);
      expect(await used.accounts.list()).toEqual([]);
    });

    test("SEC-S1 when two seed the same store at once, one of them does", async () => {
      await using store = await begin();
      const other = await store.openOther();
      const seeded = await Promise.all([store.accounts.seed([ANNA]), other.seed([BEN])]);
      expect(seeded.filter(Boolean)).toHaveLength(1);
      expect(await store.accounts.list()).toHaveLength(1);
    });

    // Seeding had notified no watcher; the next change of any account revealed it.
    test("SEC-T6 a watcher receives every change made here once, with the account as it is", async () => {
      await using store = await begin();
      const { changes } = watch(store.accounts);
      await store.accounts.seed([BEN]);
      await store.accounts.add(ANNA);
      await store.accounts.add(ANNA);
      await store.accounts.update("anna", { plan: "premium" });
      await store.accounts.update("nobody", { plan: "premium" });
      await store.accounts.remove("anna");
      await store.pass(3 * SECOND);
      expect(changes).toEqual(["ben: basic", "anna: free", "anna: premium", "anna: gone"]);
    });

    test("SEC-T6 a watcher receives changes by another process within a second", async () => {
      await using store = await begin();
      await store.accounts.add(ANNA);
      const other = await store.openOther();
      const { changes } = watch(store.accounts);
      await other.add(BEN);
      await store.pass(SECOND);
      expect(changes.splice(0)).toEqual(["ben: basic"]);
      await other.update("anna", { plan: "premium" });
      await store.pass(SECOND);
      expect(changes.splice(0)).toEqual(["anna: premium"]);
      // The current account counts, not the changes in between.
      await other.update("ben", { plan: "free" });
      await other.update("ben", { disabled: false });
      await other.remove("anna");
      await store.pass(SECOND);
      expect(changes.splice(0).sort()).toEqual(["anna: gone", "ben: free"]);
      await store.pass(10 * SECOND);
      expect(changes).toEqual([]);
    });

    test("SEC-T6 changes here and by another process in the same second are both reported, once", async () => {
      await using store = await begin();
      const other = await store.openOther();
      const { changes } = watch(store.accounts);
      await other.add(BEN);
      await store.accounts.add(ANNA);
      await other.update("ben", { plan: "premium" });
      await store.pass(SECOND);
      expect(changes.at(-1)).toBe("ben: premium");
      expect(changes.filter((line) => line.startsWith("anna"))).toEqual(["anna: free"]);
      expect(new Set(changes).size).toBe(changes.length);
    });

    test("SEC-T6 a watcher that stopped receives nothing more; a later watcher receives later changes", async () => {
      await using store = await begin();
      const other = await store.openOther();
      const first = watch(store.accounts);
      const second = watch(store.accounts);
      await store.accounts.add(ANNA);
      first.stop();
      await other.add(BEN);
      await store.pass(SECOND);
      second.stop();
      await other.remove("ben");
      await store.pass(SECOND);
      const third = watch(store.accounts);
      await other.remove("anna");
      await store.pass(SECOND);
      expect([first.changes, second.changes, third.changes]).toEqual([
        ["anna: free"],
        ["anna: free", "ben: basic"],
        ["anna: gone"],
      ]);
    });

    // One failing watcher had ended the round for all, and the others never received the rest: a disabled user kept an
    // open socket.
    test("SEC-T6 a failing watcher does not block the others, and misses nothing later", async () => {
      await using store = await begin();
      let failures = 0;
      store.accounts.watch(() => {
        failures++;
        throw new Error("a watcher's fault, made on purpose");
      });
      const { changes } = watch(store.accounts);
      expect(await store.accounts.add(ANNA)).toBe(true);
      expect(await store.accounts.add(BEN)).toBe(true);
      expect(changes).toEqual(["anna: free", "ben: basic"]);
      expect(failures).toBe(2);
    });
  });
}
