import type { Database } from "bun:sqlite";
import type { Batch } from "../batch.ts";
import { OpenDrafts } from "./open-drafts.ts";
import { StreamCommands, type StreamCommandsDeps } from "./stream-commands.ts";
import { StreamTable } from "./stream-table.ts";
import { SqliteStreams, type SqliteStreamsDeps } from "./streams.ts";

interface OpenStreamsDeps
  extends Omit<SqliteStreamsDeps, "table" | "drafts" | "commands">,
    Pick<StreamCommandsDeps, "textDropped"> {
  readonly db: Database;
  /** It carries out the commands of streams from now on. */
  readonly batch: Batch;
}

/** Opens the streams of a store. `reload` MUST be called before the first use. */
export function openStreams({ db, batch, textDropped, ...rest }: OpenStreamsDeps): SqliteStreams {
  const table = new StreamTable(db);
  const drafts = new OpenDrafts();
  const commands = new StreamCommands({ table, drafts, batch, textDropped, rules: rest.rules });
  batch.streams = commands;
  return new SqliteStreams({ ...rest, table, drafts, commands });
}
