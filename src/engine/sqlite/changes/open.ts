import { readMeta } from "../schema.ts";
import { ChangeCommands, type ChangeCommandsDeps } from "./change-commands.ts";
import { ChangeIds } from "./change-ids.ts";
import { ChangeTable } from "./change-table.ts";
import { SqliteChanges, type SqliteChangesDeps } from "./changes.ts";
import { ReactionTable } from "./reaction-table.ts";

type Tables = "table" | "reactions" | "ids";

/** Opens the changes of a store. From now on they are carried out by `batch`. */
export function openChanges(
  deps: Omit<SqliteChangesDeps, Tables> & Omit<ChangeCommandsDeps, Tables>,
): SqliteChanges {
  const { db, batch } = deps;
  const tables = {
    table: new ChangeTable(db),
    reactions: new ReactionTable(db, Number(readMeta(db, "seed"))),
    ids: new ChangeIds(db, readMeta(db, "name_secret") ?? ""),
  };
  const changes = new SqliteChanges({ ...deps, ...tables });
  const commands = new ChangeCommands({ ...deps, ...tables });
  batch.changes = {
    execute: (operation, now) => commands.execute(operation, now),
    hasId: (head, user, id) => commands.hasId(head, user, id),
    ownOf: (head, user, seqs) => changes.ownOf(head, user, seqs),
  };
  return changes;
}
