/**
 * What an error of SQLite means for the server:
 *
 *   busy      another connection has the lock: the same call succeeds later
 *   full      the disk is full, or the disk quota of the owner is used up
 *   refused   the operating system cannot read or write: the medium fails, or is mounted read-only
 *   damaged   the file's content is not what was written
 */
export type StoreError = "busy" | "full" | "refused" | "damaged";

/** The meanings by the first part of SQLite's result codes (https://www.sqlite.org/rescode.html), without `SQLITE_`. */
const ERROR_KINDS: ReadonlyMap<string, StoreError> = new Map([
  ["BUSY", "busy"],
  ["LOCKED", "busy"],
  ["FULL", "full"],
  ["READONLY", "refused"],
  ["IOERR", "refused"],
  ["CANTOPEN", "refused"],
  ["PERM", "refused"],
  ["NOMEM", "refused"],
  ["PROTOCOL", "refused"],
  ["CORRUPT", "damaged"],
  ["NOTADB", "damaged"],
]);

/** Raised by calls to a store that cannot be used now. */
export class StoreUnavailable extends Error {}

/** Returns what `error` means; undefined when the store did not cause it, so it is an error in the program. */
export function classifyError(error: unknown): StoreError | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== "string" || !code.startsWith("SQLITE_")) return undefined;
  return ERROR_KINDS.get(code.split("_")[1]!);
}

/** Whether `error` says that the store cannot be used now. The same call may succeed later. */
export function isStoreError(error: unknown): boolean {
  return error instanceof StoreUnavailable || classifyError(error) !== undefined;
}

/** Whether `error` says that another connection has the lock. */
export function isBusy(error: unknown): boolean {
  return classifyError(error) === "busy";
}
