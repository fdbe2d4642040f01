import { accessSync, constants, mkdirSync } from "node:fs";

/**
 * Makes the data folder if it is not there, for its owner only (accounts and the signing key lie in it). Answers what
 * is wrong with it, in one line, or undefined.
 */
export function prepareDataFolder(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return folderProblem(folder, error);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "this user has no right to write there",
  EPERM: "this user has no right to write there",
  EROFS: "the disk is read-only",
  EEXIST: "a file is in its place",
  ENOTDIR: "a file is in its place",
  ENOSPC: "the disk is full",
};

/** Why the data folder cannot be used, in one line that says what to do. */
export function folderProblem(folder: string, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown reason";
  return `The data folder ${JSON.stringify(folder)} cannot be written: ${REASONS[code] ?? code}. Set DATA_DIR to a folder that can be.`;
}
