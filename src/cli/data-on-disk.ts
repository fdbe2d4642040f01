import { KEEP_ALL, KEEP_IN_MEMORY, type RetentionLimits } from "../core/retention.ts";
import { prepareDataFolder } from "../server/settings/data-folder.ts";
import { redisAddressOf } from "../server/settings/redis-url.ts";
import type { Settings } from "../server/settings/settings.ts";
import { Failure } from "./failure.ts";

/** Makes the data folder if need be; with Redis there is none. Throws a Failure when it cannot be used. */
export function makeUsable(settings: Settings): void {
  if (redisAddressOf(settings) !== undefined) return;
  const problem = prepareDataFolder(settings.dataDir);
  if (problem !== undefined) throw new Failure(problem);
}

/** How long the settings keep messages; with Redis, which holds all in memory, not without limit unless that is said. */
export function retentionOf(settings: Settings): RetentionLimits {
  const { messages, days } = redisAddressOf(settings) === undefined ? KEEP_ALL : KEEP_IN_MEMORY;
  return { messages: settings.retentionMessages ?? messages, days: settings.retentionDays ?? days };
}

/** Says where the data lies that cannot be used. What the engine refuses in its own words passes as it is. */
export function explainStore(folder: string): (error: unknown) => never {
  return (error) => {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (!code.startsWith("SQLITE_")) throw error;
    throw new Failure(
      `The data in ${JSON.stringify(folder)} cannot be used (${message}). Check the rights of its files, restore them from a copy, or set DATA_DIR to another folder.`,
    );
  };
}
