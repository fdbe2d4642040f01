import { accessSync, constants, lstatSync, type Stats, statSync } from "node:fs";
import { userInfo } from "node:os";
import { basename, join } from "node:path";
import { classifyError } from "./errors.ts";
import { END_MARK_FILE, INDEX_FILE, LOCK_FILE, STORE_FILE } from "./file-names.ts";

/** Raised when a file of the data folder cannot be used. The message is `problem` and `advice`, each a sentence. */
export class FileUnusable extends Error {
  constructor(
    /** Which file, and what is wrong with it. */
    readonly problem: string,
    /** What to do about it. */
    readonly advice: string,
    cause?: unknown,
  ) {
    super(`${problem} ${advice}`, { cause });
  }
}

/** The store file and its write-ahead log. These files cannot be rebuilt. */
const STORE_FILES = [STORE_FILE, `${STORE_FILE}-wal`, `${STORE_FILE}-shm`];

/** The files that the next start rebuilds. */
const DERIVED_FILES = [INDEX_FILE, `${INDEX_FILE}-wal`, `${INDEX_FILE}-shm`, END_MARK_FILE, LOCK_FILE];

/** The files that exist only in a folder that had a store. */
const TRACES = [END_MARK_FILE, INDEX_FILE, `${STORE_FILE}-wal`];

const RESTORE_ADVICE =
  "Stop the server, and run `parley restore <folder> --replace` with the last backup (docs/OPERATIONS.md, Backup and restore).";

/** Throws FileUnusable if the path of a file that a server uses is occupied by something else, such as a folder. */
export function checkKinds(folder: string): void {
  for (const name of [...STORE_FILES, ...DERIVED_FILES]) checkKind(join(folder, name));
}

/** Throws FileUnusable if this user may not read and write a file that a server uses. */
export function checkFileAccess(folder: string): void {
  for (const name of [...STORE_FILES, ...DERIVED_FILES]) checkAccess(join(folder, name));
}

/**
 * Throws FileUnusable if the folder has lost its store: `parley.db` is missing or empty, and there are files that only a
 * server with a store leaves. Starting with a new store would lose accounts, revocations and messages without a warning; and
 * when SQLite opens an empty file, it deletes the write-ahead log of that file.
 */
export function rejectLostStore(folder: string): void {
  // Checked in this order because another process that creates the store writes this file before the others.
  const traces = TRACES.filter((name) => existsIn(folder, name));
  const path = join(folder, STORE_FILE);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (traces.length > 0 && (stat === undefined || stat.size === 0))
    throw lostStore(path, stat === undefined ? "is gone" : "is empty", traces);
}

/** Whether the folder has files that only a server with a store leaves. */
export function hadStore(folder: string): boolean {
  return [END_MARK_FILE, INDEX_FILE].some((name) => existsIn(folder, name));
}

function lostStore(path: string, how: string, traces: readonly string[]): FileUnusable {
  const files = traces.join(" and ");
  return new FileUnusable(
    `${path} ${how}, but a store was here: ${files} ${traces.length === 1 ? "is" : "are"} left of it. All messages and accounts would be lost.`,
    `Put a copy of ${STORE_FILE} back; or, to start with an empty store, move the folder away, or remove ${files}.`,
  );
}

/**
 * Runs `work` on the file at `path`. Throws FileUnusable for errors of SQLite and of the file system. `other` is what else than its
 * rights can be changed; by default that of a file in the data folder.
 */
export function withFileErrors<T>(path: string, work: () => T, other?: string): T {
  try {
    return work();
  } catch (error) {
    throw explainFileError(path, error, other);
  }
}

/** Returns the error to throw for `error` at the file at `path`: FileUnusable for errors of SQLite and of the file system. */
export function explainFileError(path: string, error: unknown, other = otherAdvice(path)): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof FileUnusable || typeof code !== "string") return error;
  if (!code.startsWith("SQLITE_") && !/^E[A-Z0-9]+$/.test(code)) return error;
  const reason = fileReason(error);
  if (reason !== undefined)
    return new FileUnusable(
      `${path} cannot be used: ${reason}.`,
      isMisplaced(error) ? `${capitalized(other)}.` : `Correct its owner and its rights, or ${other}.`,
      error,
    );
  const [cause, advice] = causeOf(path, error, other);
  return new FileUnusable(`${path} ${cause} (${message}).`, advice, error);
}

/** Whether nothing can be there, whatever its rights are. */
function isMisplaced(error: unknown): boolean {
  return ["EEXIST", "ENOTDIR", "EISDIR", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "");
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Why the file system refuses a file, in words; undefined for what rights and places do not explain. */
function fileReason(error: unknown): string | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case "EACCES":
    case "EPERM":
      return `${thisUser()} has no right to it`;
    case "EROFS":
      return "the disk is read-only";
    case "EEXIST":
    case "ENOTDIR":
      return "a file is in its place, or in that of a folder above it";
    case "EISDIR":
      return "a folder is in its place";
    case "ENOENT":
      return "it is not there, and cannot be made there";
    default:
      return undefined;
  }
}

function thisUser(): string {
  const { username, uid } = userInfo();
  // The runtime takes the name from USER, which is still root's where root has started this process as another user, and
  // "unknown" without it.
  return `the user ${uid !== 0 && ["root", "unknown"].includes(username) ? uid : username}`;
}

function causeOf(path: string, error: unknown, other: string): [cause: string, advice: string] {
  const { code } = error as NodeJS.ErrnoException;
  switch (classifyError(error)) {
    case "busy":
      return ["is used by another process", "Wait until that is done, and try again."];
    case "full":
      return ["cannot be written: the disk is full", "Make room on the disk."];
    case "refused":
      return ["cannot be used", `Correct its owner and its rights, or ${other}.`];
    case "damaged":
      return ["is damaged", isDerived(path) ? removeAdvice(path) : RESTORE_ADVICE];
  }
  if (code === "ENOSPC" || code === "EDQUOT")
    return ["cannot be written: the disk is full", "Make room on the disk."];
  if (code?.startsWith("SQLITE_"))
    return ["is not as Parley left it", isDerived(path) ? removeAdvice(path) : RESTORE_ADVICE];
  return ["cannot be used", `Correct its owner and its rights, or ${other}.`];
}

function checkKind(path: string): void {
  const itself = withFileErrors(path, () => lstatSync(path, { throwIfNoEntry: false }));
  if (itself === undefined || itself.isFile()) return;
  const isLink = itself.isSymbolicLink();
  // A link at the path of a file that can be rebuilt is not refused: it is followed, or deleted with the file.
  if (isLink && isDerived(path)) return;
  const target = isLink ? withFileErrors(path, () => statSync(path, { throwIfNoEntry: false })) : itself;
  if (target?.isFile()) return;
  const kind = target === undefined ? "is a symbolic link to nothing" : kindOf(target);
  throw new FileUnusable(
    `${path} ${kind}, where a file must be.`,
    isDerived(path) ? removeAdvice(path) : `Move it away, and put the file back from a copy.`,
  );
}

function checkAccess(path: string): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM") return;
    const owner = statSync(path, { throwIfNoEntry: false })?.uid;
    const self = process.getuid?.();
    throw new FileUnusable(
      `${path} belongs to user ${owner ?? "unknown"}, and this user (${self ?? "unknown"}) may not read and write it.`,
      "Run Parley as the user that owns it, or correct its owner and its rights.",
      error,
    );
  }
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return "is a directory";
  return stat.isFIFO() ? "is a pipe" : "is a device or a socket";
}

const isDerived = (path: string): boolean => DERIVED_FILES.includes(basename(path));

const removeAdvice = (path: string): string =>
  `Stop the server, and remove ${basename(path)}; the next start makes it again.`;

const otherAdvice = (path: string): string =>
  isDerived(path)
    ? `remove ${basename(path)}: the next start makes it again`
    : "set DATA_DIR to another folder";

function existsIn(folder: string, name: string): boolean {
  const stat = statSync(join(folder, name), { throwIfNoEntry: false });
  return stat !== undefined && (name !== `${STORE_FILE}-wal` || stat.size > 0);
}
