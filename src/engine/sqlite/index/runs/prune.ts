import type { Database } from "bun:sqlite";
import type { RunReader } from "./run-reader.ts";

/** The positions of the rows to delete from the log next. */
export interface PruneResult {
  readonly positions: readonly number[];
  /** Whether there may be more rows to delete after these. */
  readonly more: boolean;
}

/**
 * Returns the positions of at most `count` messages of a conversation with seq < `below`, oldest first, whose rows are to be
 * deleted from the log. Records earlier messages whose rows are gone as dropped. Their entries stay in the runs until the
 * next compaction; a look-up that finds one reads the row, and so learns that the message was removed.
 */
export function prune(
  index: Database,
  reader: RunReader,
  isStored: (position: number) => boolean,
  { conversation, below, count }: { conversation: number; below: number; count: number },
): PruneResult {
  // The messages of the previous call, whose rows are gone now, and as many new ones.
  const lookupCount = 2 * count;
  const cleaned = reader.cleanedBelow(conversation);
  const from = reader.nextSeq(conversation, cleaned);
  const entries =
    from < below ? reader.range(conversation, from, Math.min(below, from + lookupCount) - 1) : [];
  const stored = entries.filter(({ position }) => isStored(position));
  // The caller deletes rows in the order of this result, so the messages whose rows are gone come first.
  const next = stored[0]?.seq ?? (entries.at(-1)?.seq ?? from - 1) + 1;
  // Not beyond the newest message in the index, or messages that are not indexed yet would be skipped.
  const done = Math.min(next, below, reader.newestSeq(conversation) + 1);
  if (done > cleaned) {
    index
      .transaction(() => {
        index.query("insert or replace into cleaned values (?, ?)").run(conversation, done);
        const note = index.query(
          "update run set dropped = dropped + 1 where state = 'whole' and ? between first and last",
        );
        for (const { seq, position } of entries) if (seq < done) note.run(position);
      })
      .immediate();
  }
  return {
    positions: stored.slice(0, count).map(({ position }) => position),
    more: entries.length === lookupCount,
  };
}
