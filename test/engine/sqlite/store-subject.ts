import type { Clock } from "../../../src/core/ports/clock.ts";
import { openAccounts } from "../../../src/engine/sqlite/open.ts";
import { StoreFolder } from "./store-folder.ts";

/** The ports that both a server and the commands next to it open. */
type SharedPort = "accounts" | "revocations";

/**
 * What a contract suite needs of a port that other processes also write: the port, a second one, and both again later.
 */
export async function openSubject<P extends SharedPort>(port: P, clock: Clock) {
  const folder = new StoreFolder();
  let store = await folder.open(clock);
  const besides: { close(): void }[] = [];
  const closeBesides = () => {
    for (const beside of besides.splice(0)) beside.close();
  };
  return {
    subject: store[port],
    async beside() {
      const beside = openAccounts({ dataDir: folder.path, clock, emit: folder.log.emit, sync: "normal" });
      besides.push(beside);
      return beside[port];
    },
    async reopen() {
      closeBesides();
      await store.close();
      store = await folder.open(clock);
      return store[port];
    },
    async close() {
      closeBesides();
      await folder[Symbol.asyncDispose]();
    },
  };
}
