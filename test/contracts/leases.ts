// The lease port (src/core/ports/leases.ts) in executable form. An engine's own test file opens it and calls this.
import { describe, expect, test } from "bun:test";
import { slotOf } from "../../src/core/lease-rules.ts";
import type { ConnectionLeases, NamedConnection } from "../../src/core/ports/leases.ts";
import { waitUntil } from "../support/time/wait-until.ts";

/** A lease port on data of its own, made for one test. */
export interface OpenedLeases extends AsyncDisposable {
  readonly leases: ConnectionLeases;
}

/** A connection that names its client, and counts how often it was replaced. */
export class TestConnection implements NamedConnection {
  readonly slot: string;
  times = 0;
  private readonly openedAt: number;

  /** A holder for `client` in `conversation` whose handshake came `age` milliseconds ago. */
  constructor(client: string, { conversation = "lobby", age = 0 } = {}) {
    this.slot = slotOf(conversation, client);
    this.openedAt = performance.now() - age;
  }

  ageMs(): number {
    return performance.now() - this.openedAt;
  }

  onReplaced(): void {
    this.times++;
  }
}

/** Every MUST of the lease port. */
export function leaseContract(name: string, open: () => Promise<OpenedLeases>): void {
  describe(`lease contract: ${name}`, () => {
    test("W5 a user has as many leases as the plan allows, and 0 means no limit", async () => {
      await using opened = await open();
      const { leases } = opened;
      const taken = [
        await leases.acquire("anna", 2),
        await leases.acquire("anna", 2),
        await leases.acquire("anna", 2),
      ];
      expect(taken).toEqual(["taken", "taken", "full"]);
      expect(await leases.acquire("ben", 2)).toBe("taken");
      leases.release("anna");
      expect(await leases.acquire("anna", 2)).toBe("taken");
      for (let i = 0; i < 100; i++) expect(await leases.acquire("cleo", 0)).toBe("taken");
    });

    test("OA4 the leases of a user are counted, with and without the name of a client", async () => {
      await using opened = await open();
      const { leases } = opened;
      expect(await leases.held("anna")).toBe(0);
      const tab = new TestConnection("tab");
      await leases.acquire("anna", 0);
      await leases.acquire("anna", 0);
      await leases.acquire("anna", 0, tab);
      await leases.acquire("anna", 0, new TestConnection("tab"));
      await leases.acquire("ben", 0);
      expect(await leases.held("anna")).toBe(3);
      leases.release("anna", tab);
      leases.release("anna");
      await waitUntil("a lease is released", async () => (await leases.held("anna")) === 2);
    });

    test("W5 after a move to a smaller plan no lease is granted until enough were released", async () => {
      await using opened = await open();
      const { leases } = opened;
      for (let i = 0; i < 4; i++) await leases.acquire("anna", 20);
      expect(await leases.acquire("anna", 2)).toBe("full");
      for (let i = 0; i < 3; i++) leases.release("anna");
      expect(await leases.acquire("anna", 2)).toBe("taken");
    });

    test("W5 no more leases are granted than the plan allows, even when many are requested at once", async () => {
      await using opened = await open();
      const taken = await Promise.all(Array.from({ length: 30 }, () => opened.leases.acquire("anna", 7)));
      expect(taken.filter((each) => each === "taken")).toHaveLength(7);
    });

    test("W8 a client's newer connection replaces its older one, even in a full plan", async () => {
      await using opened = await open();
      const { leases } = opened;
      const [older, newer] = [new TestConnection("tab"), new TestConnection("tab")];
      expect(await leases.acquire("anna", 2, older)).toBe("taken");
      expect(await leases.acquire("anna", 2)).toBe("taken");
      expect(await leases.acquire("anna", 2, newer)).toBe("taken");
      expect([older.times, newer.times]).toEqual([1, 0]);
      const newest = new TestConnection("tab");
      expect(await leases.acquire("anna", 2, newest)).toBe("taken");
      expect([older.times, newer.times, newest.times]).toEqual([1, 1, 0]);
      expect(await leases.acquire("anna", 2)).toBe("full");
      expect(await leases.acquire("anna", 2, new TestConnection("other"))).toBe("full");
    });

    test("W8 a replaced connection releases nothing, and its successor does", async () => {
      await using opened = await open();
      const { leases } = opened;
      const [older, newer] = [new TestConnection("tab"), new TestConnection("tab")];
      await leases.acquire("anna", 1, older);
      await leases.acquire("anna", 1, newer);
      leases.release("anna", older);
      expect(await leases.acquire("anna", 1)).toBe("full");
      leases.release("anna", newer);
      leases.release("anna", newer);
      expect(await leases.acquire("anna", 1, new TestConnection("tab"))).toBe("taken");
      expect(await leases.acquire("anna", 1)).toBe("full");
    });

    test("W8 connections of another user, conversation or client do not replace each other", async () => {
      await using opened = await open();
      const { leases } = opened;
      const all = [
        ["anna", new TestConnection("tab")],
        ["anna", new TestConnection("tab2")],
        ["anna", new TestConnection("tab", { conversation: "other" })],
        ["ben", new TestConnection("tab")],
      ] as const;
      for (const [user, connection] of all) expect(await leases.acquire(user, 3, connection)).toBe("taken");
      expect(all.map(([, { times }]) => times)).toEqual([0, 0, 0, 0]);
      expect(await leases.acquire("anna", 3)).toBe("full");
    });

    test("W8 of two handshakes the earlier one is the older, whichever is decided first", async () => {
      await using opened = await open();
      const { leases } = opened;
      const overtaken = new TestConnection("tab", { age: 4_000 });
      const newer = new TestConnection("tab");
      expect(await leases.acquire("anna", 1, newer)).toBe("taken");
      expect(await leases.acquire("anna", 1, overtaken)).toBe("replaced");
      expect([newer.times, overtaken.times]).toEqual([0, 0]);
      expect(await leases.acquire("anna", 1, new TestConnection("tab", { age: 200 }))).toBe("replaced");
      expect(newer.times).toBe(0);
      leases.release("anna", overtaken);
      expect(await leases.acquire("anna", 1)).toBe("full");
      // A clock that was moved counts for some seconds at most.
      const muchOlder = new TestConnection("tab2", { age: 3_600_000 });
      expect(await leases.acquire("ben", 1, new TestConnection("tab2", { age: 20_000 }))).toBe("taken");
      expect(await leases.acquire("ben", 1, muchOlder)).toBe("taken");
    });

    test("W8 of twenty connections of a client at once one stays, and the others are notified once", async () => {
      await using opened = await open();
      const { leases } = opened;
      const all = Array.from({ length: 20 }, () => new TestConnection("tab"));
      const taken = await Promise.all(all.map((each) => leases.acquire("anna", 1, each)));
      const staying = all.filter((each, at) => taken[at] === "taken" && each.times === 0);
      expect(staying).toHaveLength(1);
      for (const [at, { times }] of all.entries())
        if (all[at] !== staying[0]) expect(times + (taken[at] === "replaced" ? 1 : 0)).toBe(1);
      for (const each of all) leases.release("anna", each);
      expect(await leases.acquire("anna", 1)).toBe("taken");
    });
  });
}
