import type { Database } from "bun:sqlite";
import type { RunReader } from "./run-reader.ts";

/** What is to be deleted from the log next. */
export interface PruneResult {
  readonly positions: readonly number[];
  /** Whether there may be more when these are gone. */
  readonly more: boolean;
}

/**
 * Names messages of a conversation with seq < `below`, at most `count`, whose rows are to be deleted from the log, the
 * oldest first. Those before them whose rows are gone are noted as dropped: entries stay in their runs until these are
 * made anew, and look-ups settle by the row that such a message is no more.
 */
export function prune(
  index: Database,
  reader: RunReader,
  isStored: (position: number) => boolean,
  { conversation, below, count }: { conversation: number; below: number; count: number },
): PruneResult {
  // Those named last, which are gone now, and as many new ones.
  const lookupCount = 2 * count;
  const cleaned = reader.cleanedBelow(conversation);
  const from = reader.nextSeq(conversation, cleaned);
  const entries =
    from < below ? reader.range(conversation, from, Math.min(below, from + lookupCount) - 1) : [];
  const stored = entries.filter(({ position }) => isStored(position));
  // Rows are deleted in the order in which they are named, so what is gone is at the front.
  const next = stored[0]?.seq ?? (entries.at(-1)?.seq ?? from - 1) + 1;
  // Messages that the index has not yet must not be passed over.
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
