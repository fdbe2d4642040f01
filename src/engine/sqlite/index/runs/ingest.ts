import type { Database } from "bun:sqlite";
import type { BlockStore } from "./block-store.ts";
import { appendableRun } from "./compaction-plan.ts";
import { bucketsFor, decodeKeyBlock, KeyBlockBuilder } from "./key-blocks.ts";
import { type Run, readRuns } from "./run-table.ts";
import { decodeSeqBlock, SeqBlockBuilder } from "./seq-blocks.ts";

/** The numbers of a message in an array of many messages: position, key, conversation, `seq`. */
export const FIELDS_PER_ENTRY = 4;

/** The largest number of messages for one call, not counting those of the run that they are added to. */
export const MAX_INGEST = 50_000;

/** For sorting, each conversation's number is multiplied by this and the message's place in the array added. */
const MAX_INDEX = 65_536;

/**
 * Writes a new run of messages, which have FIELDS_PER_ENTRY numbers each, in the order of their positions. If the newest run is
 * small, replaces it by one that has its messages, too. Calls `onKeys` with the keys, bucket by bucket. MUST be called inside
 * a transaction.
 */
export function ingest(
  index: Database,
  blocks: BlockStore,
  entries: Float64Array,
  onKeys: (keys: Float64Array) => void,
): void {
  if (entries.length === 0) return;
  const last = entries[entries.length - FIELDS_PER_ENTRY]!;
  const appendable = appendableRun(readRuns(index), last);
  let all = entries;
  if (appendable !== undefined) {
    const before = readEntries(blocks, appendable);
    all = new Float64Array(before.length + entries.length);
    all.set(before);
    all.set(entries, before.length);
    blocks.delete(appendable.id, Number.MAX_SAFE_INTEGER);
    index.query("delete from run where id = ?").run(appendable.id);
  }
  const first = appendable?.first ?? all[0]!;
  const entryCount = all.length / FIELDS_PER_ENTRY;
  const buckets = bucketsFor(entryCount);
  const { id } = index
    .query(
      `insert into run (state, first, last, level, buckets, entries, dropped)
       values ('whole', ?, ?, 0, ?, ?, ?) returning id`,
    )
    .get(first, last, buckets, entryCount, appendable?.dropped ?? 0) as { id: number };
  writeSeqs(id, first, all, blocks);
  const builder = new KeyBlockBuilder(entryCount);
  for (let i = 0; i < all.length; i += FIELDS_PER_ENTRY) builder.add(all[i + 1]!, all[i]! - first);
  builder.build(buckets, 0, buckets, (bucket, block, keys) => {
    blocks.writeKeys(id, bucket, block);
    onKeys(keys);
  });
}

function writeSeqs(run: number, first: number, messages: Float64Array, blocks: BlockStore): void {
  // By conversation, then in the order of positions, which is the order of `seq`.
  const order = new Float64Array(messages.length / FIELDS_PER_ENTRY);
  for (let i = 0; i < order.length; i++) order[i] = messages[i * FIELDS_PER_ENTRY + 2]! * MAX_INDEX + i;
  order.sort();
  const builder = new SeqBlockBuilder((conversation, seq, block) =>
    blocks.writeSeqs(run, conversation, seq, block),
  );
  for (const packed of order) {
    const at = (packed % MAX_INDEX) * FIELDS_PER_ENTRY;
    builder.add(messages[at + 2]!, messages[at + 3]!, messages[at]! - first);
  }
  builder.flush();
}

/** Returns the messages of a small run, in the form that `ingest` takes. */
function readEntries(blocks: BlockStore, run: Run): Float64Array {
  const messages: number[][] = [];
  const keyAt = new Map<number, number>();
  for (const row of blocks.eachKeys(run)) {
    const { keys, offsets } = decodeKeyBlock(row);
    offsets.forEach((place, i) => void keyAt.set(place, keys[i]!));
  }
  for (const row of blocks.eachSeqs(run)) {
    const groups = decodeSeqBlock(row);
    while (groups.next())
      for (let seq = groups.first; seq <= groups.last; seq++) {
        const place = groups.offsetOf(seq);
        messages.push([run.first + place, keyAt.get(place)!, groups.conversation, seq]);
      }
  }
  return Float64Array.from(messages.sort((a, b) => a[0]! - b[0]!).flat());
}
