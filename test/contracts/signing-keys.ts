// The port for digests of signing keys (src/core/ports/store.ts) in executable form. A store's own test file opens it and calls this.
import { describe, expect, test } from "bun:test";
import type { SigningKeyStore } from "../../src/core/ports/store.ts";
import { ManualClock } from "../support/time/manual-clock.ts";

/** A store on data of its own, made for one test. */
export interface OpenedSigningKeys {
  readonly signingKeys: SigningKeyStore;
  /** Opens the same data a second time, as another process does; `close` closes it with the rest. */
  openOther(): Promise<SigningKeyStore>;
  /** Closes all, and opens another store on the same data. */
  reopen(): Promise<SigningKeyStore>;
  /** Closes all and deletes the data. */
  close(): Promise<void>;
}

/** Every MUST of the port. */
export function signingKeyContract(
  name: string,
  open: (clock: ManualClock) => Promise<OpenedSigningKeys>,
): void {
  describe(`signing key contract: ${name}`, () => {
    test("SEC-T4 a store has the digests that were written last, for other processes and after reopening", async () => {
      const store = await open(new ManualClock());
      try {
        expect(await store.signingKeys.read()).toEqual([]);
        await store.signingKeys.write(["one", "two"]);
        expect(await store.signingKeys.read()).toEqual(["one", "two"]);
        const other = await store.openOther();
        expect(await other.read()).toEqual(["one", "two"]);
        await other.write(["three"]);
        expect(await store.signingKeys.read()).toEqual(["three"]);
        expect(await (await store.reopen()).read()).toEqual(["three"]);
      } finally {
        await store.close();
      }
    });
  });
}
