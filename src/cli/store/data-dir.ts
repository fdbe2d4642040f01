import { statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import {
  DEFAULT_REDIS_RETENTION,
  type RetentionLimits,
  UNLIMITED_RETENTION,
} from "../../core/conversation/retention.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { classifyError } from "../../engine/sqlite/folder/errors.ts";
import { STORE_FILE } from "../../engine/sqlite/folder/file-names.ts";
import { explainFileError, FileUnusable, rejectLostStore } from "../../engine/sqlite/folder/folder-files.ts";
import { folderProblem, prepareDataFolder } from "../../server/settings/data-folder.ts";
import { redisAddressOf } from "../../server/settings/redis-address.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { CliError } from "../cli-error.ts";
import { printNote } from "../terminal/print.ts";

/** Makes the data folder if need be; with Redis there is none. Throws a Failure when it cannot be used. */
export function prepareDataDir(settings: Settings): void {
  if (redisAddressOf(settings) !== undefined) return;
  const problem = prepareDataFolder(settings.dataDir);
  if (problem !== undefined) throw new CliError(problem);
}

/**
 * Whether the settings lead to a store: the embedded one's file is there, or they name a Redis. Throws a Failure when
 * this user may not look, or a file is in the folder's place; and FileUnusable when the store is gone though one was there.
 */
export function hasStore(settings: Settings): boolean {
  if (redisAddressOf(settings) !== undefined) return true;
  try {
    rejectLostStore(settings.dataDir);
    statSync(join(settings.dataDir, STORE_FILE));
    return true;
  } catch (error) {
    if (error instanceof FileUnusable) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw new CliError(folderProblem(settings.dataDir, error));
  }
}

/**
 * Throws a Failure where there is no store. Only a server makes one: a command that made one in a wrong folder would
 * change what no server reads, and report success.
 */
export function requireStore(settings: Settings): void {
  if (!hasStore(settings))
    throw new CliError(
      `There is no store in ${resolve(settings.dataDir)}; --data-dir (DATA_DIR) names another, and \`parley serve\` makes one.`,
    );
  prepareDataDir(settings);
}

/** After a change: names the store on standard error where that depends on the folder that the command was called in. */
export function printStorePath(settings: Settings): void {
  if (redisAddressOf(settings) === undefined && !isAbsolute(settings.dataDir))
    printNote(`store: ${escapeControlChars(resolve(settings.dataDir))}`);
}

/** How long the settings keep messages; with Redis, which holds all in memory, not without limit unless that is said. */
export function retentionOf(settings: Settings): RetentionLimits {
  const { messages, days } =
    redisAddressOf(settings) === undefined ? UNLIMITED_RETENTION : DEFAULT_REDIS_RETENTION;
  return { messages: settings.retentionMessages ?? messages, days: settings.retentionDays ?? days };
}

/** Says which file of the store cannot be read, and what to do. What the engine refuses in its own words passes as it is. */
export function explainStoreError(folder: string): (error: unknown) => never {
  const path = join(folder, STORE_FILE);
  return (error) => {
    throw classifyError(error) === undefined ? error : explainFileError(path, error);
  };
}
