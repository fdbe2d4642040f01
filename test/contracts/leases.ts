// The lease port (src/core/leases.ts) in executable form. An engine's own test file opens it and calls this.
import { describe, expect, test } from "bun:test";
import type { ConnectionLeases } from "../../src/core/leases.ts";

/** A lease port on data of its own, made for one test. */
export interface OpenedLeases extends AsyncDisposable {
  readonly leases: ConnectionLeases;
}

/** Every MUST of the lease port. */
export function leaseContract(name: string, open: () => Promise<OpenedLeases>): void {
  describe(`lease contract: ${name}`, () => {
    test("W5 a user has as many as the plan allows, and 0 is without limit", async () => {
      await using opened = await open();
      const { leases } = opened;
      const taken = [
        await leases.take("anna", 2),
        await leases.take("anna", 2),
        await leases.take("anna", 2),
      ];
      expect(taken).toEqual([true, true, false]);
      expect(await leases.take("ben", 2)).toBe(true);
      leases.giveBack("anna");
      expect(await leases.take("anna", 2)).toBe(true);
      for (let i = 0; i < 100; i++) expect(await leases.take("cleo", 0)).toBe(true);
    });

    test("W5 after a move to a smaller plan nothing new is let in until enough have left", async () => {
      await using opened = await open();
      const { leases } = opened;
      for (let i = 0; i < 4; i++) await leases.take("anna", 20);
      expect(await leases.take("anna", 2)).toBe(false);
      for (let i = 0; i < 3; i++) leases.giveBack("anna");
      expect(await leases.take("anna", 2)).toBe(true);
    });

    test("W5 of many that are asked for at once no more are given than the plan allows", async () => {
      await using opened = await open();
      const taken = await Promise.all(Array.from({ length: 30 }, () => opened.leases.take("anna", 7)));
      expect(taken.filter((each) => each)).toHaveLength(7);
    });
  });
}
