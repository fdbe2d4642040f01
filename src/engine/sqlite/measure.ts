import type { Database } from "bun:sqlite";
import { stat } from "node:fs/promises";
import type { StoreSize } from "../../core/ports/store.ts";
import { readLastPosition } from "./schema.ts";

/** Measures the files of a data folder and what is in them, without reading all of it. */
export async function measureFolder(
  db: Database,
  paths: { readonly store: string; readonly index: string },
): Promise<StoreSize> {
  const { store, index } = paths;
  const sizes = await Promise.all([store, `${store}-wal`, index, `${index}-wal`].map(sizeOf));
  const one = (sql: string) => (db.query(sql).get() as { value: number | null }).value ?? 0;
  return {
    engine: "embedded",
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    accounts: one("select count(*) as value from account"),
    // A number is never used twice, and its row stays.
    conversations: one("select max(number) as value from conversation"),
    messages: readLastPosition(db),
  };
}

/** The size of a file; a write-ahead log may not be there. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}
