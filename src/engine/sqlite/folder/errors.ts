/**
 * What an error of SQLite means for the server:
 *
 *   busy      another connection has the lock: the same call succeeds later
 *   full      the disk, or the owner's share of it, has no room
 *   refused   the operating system refuses to read or write: a medium that fails, or that is mounted for reading only
 *   damaged   the bytes in the file are not those that were written
 */
export type StoreError = "busy" | "full" | "refused" | "damaged";

/** By the first part of SQLite's result codes (https://www.sqlite.org/rescode.html), without `SQLITE_`. */
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

/** Raised for what is asked of a store that cannot be used now. */
export class StoreUnavailable extends Error {}

/** What `error` means; undefined where it is no fault of the store, but one of the program. */
export function classifyError(error: unknown): StoreError | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== "string" || !code.startsWith("SQLITE_")) return undefined;
  return ERROR_KINDS.get(code.split("_")[1]!);
}

/** Whether `error` says that the store cannot be used now: what was asked may be asked again later. */
export function isStoreError(error: unknown): boolean {
  return error instanceof StoreUnavailable || classifyError(error) !== undefined;
}

/** Whether `error` says that another connection has the lock. */
export function isBusy(error: unknown): boolean {
  return classifyError(error) === "busy";
}
