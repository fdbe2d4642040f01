import type { Clock } from "../../../src/core/ports/clock.ts";
import { openAccounts } from "../../../src/engine/sqlite/open.ts";
import { StoreFolder } from "./store-folder.ts";

/** The ports that both a server and the commands next to it open. */
type SharedPort = "accounts" | "apiKeys" | "webhooks" | "revocations" | "signingKeys";

/**
 * Opens a port for a contract suite. `openOther` opens it as another process does; `reopen` closes all and opens it again.
 */
export async function openSubject<P extends SharedPort>(port: P, clock: Clock) {
  const folder = new StoreFolder();
  let store = await folder.open(clock);
  const opened: { close(): void }[] = [];
  const closeOthers = () => {
    for (const other of opened.splice(0)) other.close();
  };
  return {
    subject: store[port],
    async openOther() {
      const other = openAccounts({ dataDir: folder.path, clock, emit: folder.log.emit, sync: "normal" });
      opened.push(other);
      return other[port];
    },
    async reopen() {
      closeOthers();
      await store.close();
      store = await folder.open(clock);
      return store[port];
    },
    async close() {
      closeOthers();
      await folder[Symbol.asyncDispose]();
    },
  };
}
