import { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { join } from "node:path";
import { checkKinds, rejectLostStore } from "./folder/folder-files.ts";
import { readBootId, readRunningSince } from "./folder/unclean-shutdown.ts";
import { readVersion, SCHEMA_VERSION } from "./migrations.ts";
import { readMeta, STORE_FILE } from "./schema.ts";

/** What is in a data folder's store, as far as it can be read beside a server. */
export interface StoreInspection {
  /** Of the truth and its write-ahead log. */
  readonly bytes: number;
  /** Version of its tables, and the one that this Parley writes. */
  readonly version: number;
  readonly knownVersion: number;
  readonly conversations: number;
  /** Newest time that is stored, in milliseconds since 1970; 0 in an empty store. */
  readonly newestAt: number;
  /** What SQLite finds wrong with the file; undefined where it was too large to be read through. */
  readonly damage: readonly string[] | undefined;
  /** A server runs on it, or ended without closing it: at this start of the machine, or at an earlier one. */
  readonly unclosed: "this start" | "earlier start" | undefined;
}

/** Most faults of a file that are told. */
const MAX_PROBLEMS = 5;

/**
 * Looks at the store in `dataDir` and changes nothing. Undefined where there is none yet. A file of more than
 * `maxFullCheckBytes` bytes is not read through. Throws FileUnusable where no file lies in the place of one, or where the store is gone
 * though one was there; and what SQLite, or the file system, says when it cannot be read at all.
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
    // First: what else is asked of a damaged file may throw.
    const damage = bytes > options.maxFullCheckBytes ? undefined : damageOf(db);
    const version = readVersion(db);
    const contents = version === 0 || (damage?.length ?? 0) > 0 ? EMPTY : contentsOf(db);
    return { bytes, version, knownVersion: SCHEMA_VERSION, damage, ...contents };
  } finally {
    db.close();
  }
}

const EMPTY = { conversations: 0, newestAt: 0, unclosed: undefined };

type Contents = Pick<StoreInspection, "conversations" | "newestAt" | "unclosed">;

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
    unclosed: since === undefined ? undefined : since === readBootId() ? "this start" : "earlier start",
  };
}

/** Reads every page. Whether indexes agree with their tables, which takes much longer, is not looked at. */
function damageOf(db: Database): string[] {
  const found = db.query(`pragma quick_check(${MAX_PROBLEMS})`).all() as { quick_check: string }[];
  return found.map(({ quick_check: line }) => line).filter((line) => line !== "ok");
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
