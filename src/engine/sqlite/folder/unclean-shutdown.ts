import type { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import type { Emit } from "../../../core/events/events.ts";
import { beginEpoch, readMeta } from "../schema.ts";

/** Where Linux says which start of the machine this is; elsewhere a loss of power cannot be told from a kill. */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/**
 * Begins a new epoch when the machine went down while a server ran: with STORE_SYNC=normal the last moments before may
 * not have reached the disk, and a client that saw them must be told (D5). Then marks the store as in use.
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
  // The mark must not be lost with what it tells of, so it waits for the disk whatever STORE_SYNC says.
  store.run("pragma synchronous = full");
  store
    .transaction(() => {
      if (lossPossible) beginEpoch(store);
      store.query("insert or replace into meta values ('running_since_boot', ?)").run(boot);
    })
    .immediate();
  store.run(`pragma synchronous = ${sync}`);
}

/** Marks the store as closed in good order. */
export function markCleanShutdown(store: Database): void {
  store.query("delete from meta where key = 'running_since_boot'").run();
}

/** The start of the machine at which the store was opened and not closed again; undefined where it was. */
export function readRunningSince(store: Database): string | undefined {
  return readMeta(store, "running_since_boot");
}

/** SQLite's number for `synchronous = full`. */
const FULL = 2;

function syncOf(store: Database): number {
  return (store.query("pragma synchronous").get() as { synchronous: number }).synchronous;
}

/** Names this start of the machine, where that can be told. */
export function readBootId(): string | undefined {
  try {
    return readFileSync(BOOT_ID, "utf8").trim();
  } catch {
    return undefined;
  }
}
