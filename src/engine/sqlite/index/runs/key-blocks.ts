// How a run keeps its keys: in buckets, each the same share of all keys there can be, and each bucket one piece.
//
//   piece   key (8 bytes) × n │ place (4 bytes) × n        place = position − the run's first position
//
// Keys are hashes, so buckets fill evenly, whoever chose the names. Nothing is sorted: a look-up reads one bucket and
// goes through it, and putting a message into its bucket costs no comparison.
import { BlockCorrupted, checksum } from "./checksum.ts";

/** Keys are whole numbers below this (message-key.ts). */
const KEY_SPACE = 2 ** 53;
/** Entries that a bucket has on average: two rows fill a page, nearly always. */
const ENTRIES_PER_BUCKET = 144;
const ENTRY_BYTES = 12;

/** How many buckets a run of `entries` messages has. */
export function bucketsFor(entries: number): number {
  return Math.max(1, Math.ceil(entries / ENTRIES_PER_BUCKET));
}

/** A key times this, rounded down, is the number of its bucket. SQL computes it too, see run-reader.ts. */
export function bucketScale(buckets: number): number {
  return buckets / KEY_SPACE;
}

/** The first and the last bucket, of `buckets`, that may hold a key of the buckets from `first` to before `end` of `others`. */
export function overlappingBuckets(
  first: number,
  end: number,
  others: number,
  buckets: number,
): [first: number, last: number] {
  const ratio = buckets / others;
  // One further than computed, for what was rounded.
  return [Math.floor(first * ratio) - 1, Math.floor(end * ratio) + 1];
}

/** A row of `by_key`, as it is read. */
export interface KeyRow {
  readonly run: number;
  readonly sum: number;
  readonly entries: Uint8Array;
}

/** The entries of one piece. Throws BlockCorrupted. */
export function decodeKeyBlock({ run, sum, entries }: KeyRow): { keys: Float64Array; offsets: Uint32Array } {
  if (checksum(entries, run) !== sum) throw new BlockCorrupted("by_key", run);
  const count = entries.byteLength / ENTRY_BYTES;
  return {
    keys: new Float64Array(entries.buffer, entries.byteOffset, count),
    offsets: new Uint32Array(entries.buffer, entries.byteOffset + count * 8, count),
  };
}

/** Entries by key that were gathered, to be given away as pieces. */
export class KeyBlockBuilder {
  private keys: Float64Array;
  private offsets: Uint32Array;
  private count = 0;

  /** `room` is how many entries it is made for; it grows where more come. */
  constructor(capacity: number) {
    this.keys = new Float64Array(capacity);
    this.offsets = new Uint32Array(capacity);
  }

  add(key: number, offset: number): void {
    if (this.count === this.keys.length) this.grow();
    this.keys[this.count] = key;
    this.offsets[this.count++] = offset;
  }

  /** Gives each of the `buckets` from `first` to before `end` that is not empty as a piece, in order, and its keys. */
  build(
    buckets: number,
    first: number,
    end: number,
    onBlock: (bucket: number, piece: Uint8Array, keys: Float64Array) => void,
  ): void {
    // Counted first, then each put where its bucket begins.
    const { count } = this;
    const scale = bucketScale(buckets);
    const starts = new Uint32Array(end - first + 1);
    for (let i = 0; i < count; i++) starts[Math.floor(this.keys[i]! * scale) - first + 1]!++;
    for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
    const next = starts.slice();
    const keys = new Float64Array(count);
    const places = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const key = this.keys[i]!;
      const at = next[Math.floor(key * scale) - first]!++;
      keys[at] = key;
      places[at] = this.offsets[i]!;
    }
    for (let i = 0; i < end - first; i++) {
      const [from, to] = [starts[i]!, starts[i + 1]!];
      if (from === to) continue;
      const piece = new Uint8Array((to - from) * ENTRY_BYTES);
      const own = keys.subarray(from, to);
      new Float64Array(piece.buffer, 0, to - from).set(own);
      new Uint32Array(piece.buffer, (to - from) * 8, to - from).set(places.subarray(from, to));
      onBlock(first + i, piece, own);
    }
    this.count = 0;
  }
  private grow(): void {
    const { keys, offsets: places } = this;
    this.keys = new Float64Array(keys.length * 2 + 1);
    this.offsets = new Uint32Array(this.keys.length);
    this.keys.set(keys);
    this.offsets.set(places);
  }
}
