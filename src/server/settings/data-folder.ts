import { accessSync, constants, mkdirSync, readdirSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";

/** Names of the embedded store's files; other files in the folder (`lost+found`) need not be writable. */
const STORE_FILES = /^parley[.-]/;

/**
 * Makes the data folder if it is not there, for its owner only (accounts and the signing key lie in it). Returns what
 * is wrong with it or with a file of the store in it, in one line, or undefined.
 */
export function prepareDataFolder(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return readdirSync(folder)
      .filter((name) => STORE_FILES.test(name))
      .map((name) => unusable(join(folder, name)))
      .find((problem) => problem !== undefined);
  } catch (error) {
    return folderProblem(folder, error);
  }
}

/** Whether a folder is on a disk that is read-only. */
export function isOnReadOnlyDisk(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EROFS";
  }
}

function unusable(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    // SQLite removes files of its own when the last command or server is through.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    return fileProblem(path, "read and written", error);
  }
}

/** Why a file in the data folder cannot be `used` ("read"), in one line with its owner and advice. */
export function fileProblem(path: string, used: string, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown reason";
  const file = JSON.stringify(path);
  const owner = statSync(path, { throwIfNoEntry: false })?.uid;
  const self = process.getuid?.();
  if (owner === undefined || self === undefined || (code !== "EACCES" && code !== "EPERM"))
    return `${file} cannot be ${used}: ${REASONS[code] ?? code}.`;
  if (owner === self) return `${file} cannot be ${used}: its rights forbid it. Run: chmod 600 ${path}`;
  return `${file} cannot be ${used}: it belongs to ${userName(owner)}, and Parley runs as ${userName(self)}. As root, run: chown ${userName(self)} ${path}`;
}

/** The name of a user where it is known without asking a directory service: root's and our own. */
function userName(uid: number): string {
  if (uid === 0) return "root";
  try {
    const { username } = userInfo();
    // The runtime takes the name from USER, which is still root's where root has started this process as another user, and
    // "unknown" without it.
    if (uid === process.getuid?.() && !["root", "unknown"].includes(username)) return username;
  } catch {
    // Node's error for the same.
  }
  return String(uid);
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "this user has no right to write there",
  EPERM: "this user has no right to write there",
  EROFS: "the disk is read-only",
  EEXIST: "a file is in its place",
  ENOTDIR: "a file is in its place",
  ENOSPC: "the disk is full",
};

/** Why the data folder cannot be used, in one line with advice. */
export function folderProblem(folder: string, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown reason";
  return `The data folder ${JSON.stringify(folder)} cannot be written: ${REASONS[code] ?? code}${ownerNote(folder, code)}. Set DATA_DIR to a folder that can be.`;
}

function ownerNote(folder: string, code: string): string {
  const self = process.getuid?.();
  if (self === undefined || (code !== "EACCES" && code !== "EPERM")) return "";
  try {
    const { uid } = statSync(folder);
    return uid === self ? "" : ` (it belongs to ${userName(uid)}, and Parley runs as ${userName(self)})`;
  } catch {
    // It does not exist, or is in a folder that this user may not read.
    return "";
  }
}
