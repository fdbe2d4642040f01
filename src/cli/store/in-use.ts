import { resolve } from "node:path";
import { StoreInUse } from "../../engine/sqlite/folder/lock.ts";
import { CliError } from "../cli-error.ts";

/**
 * Throws `error`; where a folder is in use, as the answer to a command that needs it for itself. The engine's own words are for a
 * second server, which may be meant for another folder.
 */
export function explainInUse(error: unknown): never {
  if (!(error instanceof StoreInUse)) throw error;
  throw new CliError(
    `A server runs on ${resolve(error.folder)}, or another command works on it. Stop it, then run this again.`,
  );
}
