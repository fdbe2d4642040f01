import type { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import type { Emit } from "../../../core/events/events.ts";
import { beginEpoch, readMeta } from "../schema.ts";

/** Linux has an id of the machine's last start here. On other systems a loss of power cannot be distinguished from a kill. */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/**
 * Begins a new epoch if the machine went down while a server ran: with STORE_SYNC=normal the last messages may not have
 * reached the disk, and clients that saw them must learn that they are gone (D5). Then marks the store as in use.
 */
export function detectUncleanShutdown(store: Database, emit: Emit, boot = readBootId()): void {
  if (boot === undefined) return;
  const before = readRunningSince(store);
  const lossPossible = syncOf(store) !== FULL && before !== undefined && before !== boot;
  if (lossPossible) {
    emit("store.unclean_shutdown", {
      advice:
        "The machine stopped while Parley ran. The last messages may be lost; clients are notified. STORE_SYNC=full prevents it.",
    });
  }
  const sync = syncOf(store);
  // A loss of power must not lose the mark along with messages, so this commit waits for the disk, whatever STORE_SYNC says.
  store.run("pragma synchronous = full");
  store
    .transaction(() => {
      if (lossPossible) beginEpoch(store);
      store.query("insert or replace into meta values ('running_since_boot', ?)").run(boot);
    })
    .immediate();
  store.run(`pragma synchronous = ${sync}`);
}

/** Marks the store as closed in an orderly way. */
export function markCleanShutdown(store: Database): void {
  store.query("delete from meta where key = 'running_since_boot'").run();
}

/** Returns the id of the machine's start at which the store was opened but not closed; undefined if it was closed. */
export function readRunningSince(store: Database): string | undefined {
  return readMeta(store, "running_since_boot");
}

/** The number of SQLite for `synchronous = full`. */
const FULL = 2;

function syncOf(store: Database): number {
  return (store.query("pragma synchronous").get() as { synchronous: number }).synchronous;
}

/** Returns an id of this start of the machine, on systems that have one. */
export function readBootId(): string | undefined {
  try {
    return readFileSync(BOOT_ID, "utf8").trim();
  } catch {
    return undefined;
  }
}
