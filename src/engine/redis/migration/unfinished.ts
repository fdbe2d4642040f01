import type { MigrationState } from "../../../core/migration/state.ts";
import type { RedisClient } from "../connection/client.ts";

/** Returns the state of a migration that has not ended; undefined where there is none. */
export async function readMigrationState({
  commands,
  keys,
}: Pick<RedisClient, "commands" | "keys">): Promise<MigrationState | undefined> {
  const text = await commands.get(keys.globalKey("migration"));
  return text === null ? undefined : JSON.parse(text);
}

/** Returns why a Redis cannot be used while the store that is being moved to it is not whole; undefined where it can. */
export async function explainUnfinished(client: RedisClient): Promise<string | undefined> {
  const state = await readMigrationState(client);
  if (state === undefined) return undefined;
  const since = new Date(state.startedAt).toISOString().slice(0, 16).replace("T", " ");
  return `${client.description} has a store that is not whole: its migration from a folder was begun at ${since} UTC and has not ended. Run \`parley migrate\` again, which goes on.`;
}
