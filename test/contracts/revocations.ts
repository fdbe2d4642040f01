// The revocation port (src/core/ports/revocations.ts) in executable form. A store's own test file opens it and calls this.
import { describe, expect, test } from "bun:test";
import {
  NEVER,
  REVOCATION_LEEWAY_MS,
  type Revocation,
  type RevocationStore,
} from "../../src/core/ports/revocations.ts";
import { ManualClock } from "../support/time/manual-clock.ts";

/** A revocation store on data of its own, made for one test. */
export interface OpenedRevocations {
  readonly revocations: RevocationStore;
  /** Opens the same data a second time, as another process does; `close` closes it with the rest. */
  openOther(): Promise<RevocationStore>;
  /** Closes all, and opens another store on the same data. */
  reopen(): Promise<RevocationStore>;
  /** Advances the store's time, and resolves when due work is done; without it, `clock` alone is its time. */
  pass?(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

const token = (id: string, subject: string, issuedAt: number) => ({ id, subject, issuedAt });

/** Every MUST of the revocation port. */
export function revocationContract(
  name: string,
  open: (clock: ManualClock) => Promise<OpenedRevocations>,
): void {
  async function begin() {
    // Not in the past: a store can have its own clock for what it expires.
    const clock = new ManualClock(Date.now());
    const opened = await open(clock);
    const pass = opened.pass ?? (async (milliseconds) => clock.advance(milliseconds));
    return { ...opened, pass, clock, [Symbol.asyncDispose]: opened.close };
  }

  describe(`revocation contract: ${name}`, () => {
    test("SEC-T5 a revoked token is revoked and no other, also after reopening", async () => {
      await using store = await begin();
      await store.revocations.revokeToken("one", NEVER);
      const check = async (revocations: RevocationStore) => {
        expect(await revocations.isRevoked(token("one", "anna", 5))).toBe(true);
        for (const id of ["ONE", "one ", "on", "two"])
          expect(await revocations.isRevoked(token(id, "anna", 5))).toBe(false);
      };
      await check(store.revocations);
      await check(await store.reopen());
    });

    test("SEC-T5 revoking a user affects earlier tokens, to the millisecond, and no other user", async () => {
      await using store = await begin();
      await store.revocations.revokeUser("anna", 1_000);
      const check = async (revocations: RevocationStore) => {
        expect(await revocations.isRevoked(token("a", "anna", 999))).toBe(true);
        expect(await revocations.isRevoked(token("a", "anna", 1_000))).toBe(false);
        expect(await revocations.isRevoked(token("a", "ann", 1))).toBe(false);
      };
      await check(store.revocations);
      await check(await store.reopen());
    });

    test("SEC-T5 a later call with an earlier time restores nothing; revoking twice is the same as once", async () => {
      await using store = await begin();
      const { revocations } = store;
      await revocations.revokeUser("anna", 1_000);
      await revocations.revokeUser("anna", 500);
      expect(await revocations.isRevoked(token("a", "anna", 999))).toBe(true);
      await revocations.revokeUser("anna", 2_000);
      expect(await revocations.isRevoked(token("a", "anna", 1_999))).toBe(true);
      for (let k = 0; k < 2; k++) await revocations.revokeToken("one", NEVER);
      expect(await revocations.isRevoked(token("one", "ben", 1))).toBe(true);
    });

    test("OA4 all revocations that are kept are listed, in pages", async () => {
      await using store = await begin();
      const { revocations } = store;
      const tokens = Array.from({ length: 12 }, (_, i) => `t${i}`).concat("}:odd:revoked", "Ünïq");
      for (const id of tokens) await revocations.revokeToken(id, NEVER);
      await revocations.revokeUser("anna", 7);
      await revocations.revokeUser("anna", 9);
      await revocations.revokeUser("ben", 8);
      const found: Revocation[] = [];
      for (let cursor: string | undefined, pages = 0; pages < 200; pages++) {
        const page = await revocations.list(5, cursor);
        expect(page!.items.length).toBeLessThanOrEqual(5);
        found.push(...page!.items);
        cursor = page!.next;
        if (cursor === undefined) break;
      }
      expect(found).toHaveLength(tokens.length + 2);
      for (const tokenId of tokens) expect(found).toContainEqual({ tokenId });
      expect(found).toContainEqual({ user: "anna", before: 9 });
      expect(found).toContainEqual({ user: "ben", before: 8 });
      expect(await revocations.list(5, "no cursor")).toBeUndefined();
    });

    test("SEC-T5 own and others' revocations are reported within a second, once, without earlier ones", async () => {
      await using store = await begin();
      const { revocations } = store;
      await revocations.revokeToken("before", NEVER);
      const reported: Revocation[] = [];
      const stop = revocations.watch((revocation) => reported.push(revocation));
      const other = await store.openOther();
      await revocations.revokeToken("own", NEVER);
      await other.revokeToken("other", NEVER);
      await other.revokeUser("anna", 7);
      await other.revokeUser("anna", 9);
      await store.pass(1_000);
      await store.pass(1_000);
      expect(reported).toEqual([{ tokenId: "own" }, { tokenId: "other" }, { user: "anna", before: 9 }]);
      stop();
      await other.revokeToken("unheard", NEVER);
      await store.pass(1_000);
      expect(reported).toHaveLength(3);
    });

    test("SEC-T5 a failing listener does not block the others", async () => {
      await using store = await begin();
      const reported: Revocation[] = [];
      store.revocations.watch(() => {
        throw new Error("broken");
      });
      store.revocations.watch((revocation) => reported.push(revocation));
      await store.revocations.revokeToken("one", NEVER);
      expect(reported).toEqual([{ tokenId: "one" }]);
    });

    test("SEC-T5 a revoked token is remembered until it has expired on every clock, and a user for ever", async () => {
      await using store = await begin();
      const { revocations, clock } = store;
      const expiresAt = clock.now() + 60_000;
      revocations.watch(() => {});
      await revocations.revokeToken("short", expiresAt);
      await revocations.revokeToken("unknown", NEVER);
      await revocations.revokeUser("anna", clock.now());
      // A store with its own clock continues meanwhile.
      await store.pass(60_000 + REVOCATION_LEEWAY_MS - 10_000);
      expect(await revocations.isRevoked(token("short", "ben", 1))).toBe(true);
      await store.pass(REVOCATION_LEEWAY_MS);
      expect(await revocations.isRevoked(token("short", "ben", 1))).toBe(false);
      expect(await revocations.isRevoked(token("unknown", "ben", 1))).toBe(true);
      expect(await revocations.isRevoked(token("a", "anna", 1))).toBe(true);
    });
  });
}
