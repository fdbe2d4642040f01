import type { Database } from "bun:sqlite";
import { bucketsFor, KeyGatherer, openKeyPiece } from "./key-pieces.ts";
import type { Pieces } from "./pieces.ts";
import { growing } from "./plan.ts";
import { openSeqPiece, SeqPacker } from "./seq-pieces.ts";
import { type Run, readRuns } from "./table.ts";

/** Numbers that stand for a message where many are handed on: position, key, conversation, `seq`. */
export const NUMBERS = 4;

/** Most messages that one call takes in, beside those of the run that grows. */
export const MOST_TAKEN = 50_000;

/** Numbers are sorted with their place in the array in the low bits. */
const PLACES = 65_536;

/**
 * Makes a run of messages, `NUMBERS` for each, in the order of their positions; inside a transaction. Where the newest
 * run is small, it is made anew with them. `keep` is told the keys, in their order by bucket.
 */
export function takeIn(
  index: Database,
  pieces: Pieces,
  messages: Float64Array,
  keep: (keys: Float64Array) => void,
): void {
  if (messages.length === 0) return;
  const last = messages[messages.length - NUMBERS]!;
  const grown = growing(readRuns(index), last);
  let all = messages;
  if (grown !== undefined) {
    const before = readMessages(pieces, grown);
    all = new Float64Array(before.length + messages.length);
    all.set(before);
    all.set(messages, before.length);
    pieces.delete(grown.id, Number.MAX_SAFE_INTEGER);
    index.query("delete from run where id = ?").run(grown.id);
  }
  const first = grown?.first ?? all[0]!;
  const entries = all.length / NUMBERS;
  const buckets = bucketsFor(entries);
  const { id } = index
    .query(
      `insert into run (state, first, last, level, buckets, entries, dropped)
       values ('whole', ?, ?, 0, ?, ?, ?) returning id`,
    )
    .get(first, last, buckets, entries, grown?.dropped ?? 0) as { id: number };
  writeSeqs(id, first, all, pieces);
  const gatherer = new KeyGatherer(entries);
  for (let i = 0; i < all.length; i += NUMBERS) gatherer.add(all[i + 1]!, all[i]! - first);
  gatherer.give(buckets, 0, buckets, (bucket, piece, keys) => {
    pieces.writeKeys(id, bucket, piece);
    keep(keys);
  });
}

function writeSeqs(run: number, first: number, messages: Float64Array, pieces: Pieces): void {
  // By conversation, then as they came, which is the order of `seq`.
  const order = new Float64Array(messages.length / NUMBERS);
  for (let i = 0; i < order.length; i++) order[i] = messages[i * NUMBERS + 2]! * PLACES + i;
  order.sort();
  const packer = new SeqPacker((conversation, seq, piece) => pieces.writeSeqs(run, conversation, seq, piece));
  for (const packed of order) {
    const at = (packed % PLACES) * NUMBERS;
    packer.add(messages[at + 2]!, messages[at + 3]!, messages[at]! - first);
  }
  packer.flush();
}

/** The messages of a small run, as they were handed to `takeIn`. */
function readMessages(pieces: Pieces, run: Run): Float64Array {
  const messages: number[][] = [];
  const keyAt = new Map<number, number>();
  for (const row of pieces.eachKeys(run)) {
    const { keys, places } = openKeyPiece(row);
    places.forEach((place, i) => void keyAt.set(place, keys[i]!));
  }
  for (const row of pieces.eachSeqs(run)) {
    const groups = openSeqPiece(row);
    while (groups.next())
      for (let seq = groups.first; seq <= groups.last; seq++) {
        const place = groups.place(seq);
        messages.push([run.first + place, keyAt.get(place)!, groups.conversation, seq]);
      }
  }
  return Float64Array.from(messages.sort((a, b) => a[0]! - b[0]!).flat());
}
