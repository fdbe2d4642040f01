import { Database } from "bun:sqlite";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { FeedStanding } from "../../core/feed/standing.ts";
import { standingOf, type WebhookStanding } from "../../core/webhooks/standing.ts";
import { readWebhooks } from "./feed/webhooks.ts";
import { checkKinds, rejectLostStore } from "./folder/folder-files.ts";
import { readBootId, readRunningSince } from "./folder/unclean-shutdown.ts";
import { readVersion, SCHEMA_VERSION } from "./migrations.ts";
import { readMeta, STORE_FILE } from "./schema.ts";

/** The state of a data folder's store, as far as it can be read while a server runs on it. */
export interface StoreInspection {
  /** The sizes of the store file and its write-ahead log. */
  readonly bytes: number;
  /** The version of its tables, and the version that this Parley writes. */
  readonly version: number;
  readonly knownVersion: number;
  readonly conversations: number;
  /** The newest stored time, in milliseconds since 1970; 0 for an empty store. */
  readonly newestAt: number;
  /** The damage that SQLite finds in the file; undefined when the file was too large for the check. */
  readonly damage: readonly string[] | undefined;
  /**
   * Whether a server runs on the folder or ended without closing the store, and whether that server was started since the
   * last start of the machine or before it.
   */
  readonly unclosed: "this start" | "earlier start" | undefined;
  /** Whether the files may still hold texts that were erased, or removed. */
  readonly erasing: boolean;
  /** Names of older stores in the folder, which upgrades and restores have put aside. */
  readonly kept: readonly string[];
  readonly feed: FeedStanding;
  readonly webhooks: readonly WebhookStanding[];
}

/** A copy of an upgrade (upgrade/upgrade.ts), or a folder with a store that a restore has replaced. */
const KEPT = /^(?:parley-schema-.*\.db|replaced-[0-9TZ]+)$/;

/** The largest number of damages of a file that are reported. */
const MAX_PROBLEMS = 5;

/**
 * Inspects the store in `dataDir` without changing it. Returns undefined when the folder has no store yet. Checks a file
 * for damage only if it has at most `maxFullCheckBytes` bytes. Throws FileUnusable when a file's path is occupied by something
 * else, or when the store file of a folder that had one is missing; throws the error of SQLite or of the file system when the
 * store cannot be read at all.
 */
export function inspectStore(
  dataDir: string,
  options: { readonly maxFullCheckBytes: number; readonly timeoutMs: number },
): StoreInspection | undefined {
  checkKinds(dataDir);
  rejectLostStore(dataDir);
  const path = join(dataDir, STORE_FILE);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const bytes = sizeOf(path) + sizeOf(`${path}-wal`);
  const db = new Database(path, { readonly: true, strict: true });
  try {
    db.run(`pragma busy_timeout = ${options.timeoutMs}`);
    // Before the other queries, because those may throw on a damaged file.
    const damage = bytes > options.maxFullCheckBytes ? undefined : damageOf(db);
    const version = readVersion(db);
    const contents = version === 0 || (damage?.length ?? 0) > 0 ? EMPTY : contentsOf(db);
    const kept = readdirSync(dataDir)
      .filter((name) => KEPT.test(name))
      .sort();
    return { bytes, version, knownVersion: SCHEMA_VERSION, damage, kept, ...contents };
  } finally {
    db.close();
  }
}

type Contents = Omit<StoreInspection, "bytes" | "version" | "knownVersion" | "damage" | "kept">;

const EMPTY: Contents = {
  conversations: 0,
  newestAt: 0,
  unclosed: undefined,
  erasing: false,
  feed: { bytes: 0, oldestAt: undefined },
  webhooks: [],
};

function contentsOf(db: Database): Contents {
  const one = (sql: string) => (db.query(sql).get() as { value: number | null } | null)?.value ?? 0;
  const newestAt = Math.max(
    one("select at as value from message order by position desc limit 1"),
    one("select at as value from charge order by position desc limit 1"),
    Number(readMeta(db, "written_at") ?? 0),
  );
  const since = readRunningSince(db);
  return {
    conversations: one("select count(*) as value from conversation"),
    newestAt,
    erasing: readMeta(db, "erasing") !== undefined,
    feed: feedOf(db),
    webhooks: hasTable(db, "webhook") ? readWebhooks(db).map(standingOf) : [],
    unclosed: since === undefined ? undefined : since === readBootId() ? "this start" : "earlier start",
  };
}

/** Messages are read from the log, which keeps them by itself; all other events are rows of `event`. */
function feedOf(db: Database): FeedStanding {
  const row = (sql: string) => db.query(sql).get() as { at: number; size: number } | null;
  const ends = hasTable(db, "event")
    ? ["", "desc"].map((order) => row(`select at, size from event order by number ${order} limit 1`))
    : [];
  const [first = null, last = null] = ends;
  const oldest = first ?? row("select at, 0 as size from message order by position limit 1");
  return { bytes: last === null ? 0 : last.size - first!.size, oldestAt: oldest?.at };
}

/** A store of an earlier version has not all tables. */
function hasTable(db: Database, name: string): boolean {
  return db.query("select 1 from sqlite_master where type = 'table' and name = ?").get(name) !== null;
}

/** Reads every page. Does not compare indexes with their tables, because that takes much longer. */
function damageOf(db: Database): string[] {
  const found = db.query(`pragma quick_check(${MAX_PROBLEMS})`).all() as { quick_check: string }[];
  return found.map(({ quick_check: line }) => line).filter((line) => line !== "ok");
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
