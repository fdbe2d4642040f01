// How a run stores its keys: the space of all keys is divided into buckets of equal size, and each bucket is one block.
//
//   block   key (8 bytes) × n │ offset (4 bytes) × n        offset = position − the run's first position
//
// Keys are hashes with a secret seed, so the buckets fill evenly even if an attacker chooses the ids. The keys in a bucket are
// not sorted: a look-up reads one bucket and scans it, and adding a message to its bucket needs no comparison.
import { BlockCorrupted, checksum } from "./checksum.ts";

/** Keys are integers below this (message-key.ts). */
const KEY_SPACE = 2 ** 53;
/** The average number of entries of a bucket. With it, two rows nearly always fit into a page. */
const ENTRIES_PER_BUCKET = 144;
const ENTRY_BYTES = 12;

/** Returns the number of buckets of a run with `entries` messages. */
export function bucketsFor(entries: number): number {
  return Math.max(1, Math.ceil(entries / ENTRIES_PER_BUCKET));
}

/** Returns a factor: a key times it, rounded down, is the number of the key's bucket. The SQL in run-reader.ts computes it, too. */
export function bucketScale(buckets: number): number {
  return buckets / KEY_SPACE;
}

/**
 * Two runs divide the same key space into `others` and into `buckets` buckets. Returns the first and the last of `buckets`
 * that may have a key of the buckets `first` ≤ n < `end` of `others`.
 */
export function overlappingBuckets(
  first: number,
  end: number,
  others: number,
  buckets: number,
): [first: number, last: number] {
  const ratio = buckets / others;
  // One more at both ends, because of rounding.
  return [Math.floor(first * ratio) - 1, Math.floor(end * ratio) + 1];
}

/** A row of the table `by_key`, as queries return it. */
export interface KeyRow {
  readonly run: number;
  readonly sum: number;
  readonly entries: Uint8Array;
}

/** Returns the entries of one block. Throws BlockCorrupted. */
export function decodeKeyBlock({ run, sum, entries }: KeyRow): { keys: Float64Array; offsets: Uint32Array } {
  if (checksum(entries, run) !== sum) throw new BlockCorrupted("by_key", run);
  const count = entries.byteLength / ENTRY_BYTES;
  return {
    keys: new Float64Array(entries.buffer, entries.byteOffset, count),
    offsets: new Uint32Array(entries.buffer, entries.byteOffset + count * 8, count),
  };
}

/** Collects keys with their offsets, and builds blocks from them. */
export class KeyBlockBuilder {
  private keys: Float64Array;
  private offsets: Uint32Array;
  private count = 0;

  /** `capacity` is the expected number of entries; the builder grows if there are more. */
  constructor(capacity: number) {
    this.keys = new Float64Array(capacity);
    this.offsets = new Uint32Array(capacity);
  }

  add(key: number, offset: number): void {
    if (this.count === this.keys.length) this.grow();
    this.keys[this.count] = key;
    this.offsets[this.count++] = offset;
  }

  /** Calls `onBlock` with the block and the keys of each bucket `first` ≤ n < `end` that is not empty, in order. */
  build(
    buckets: number,
    first: number,
    end: number,
    onBlock: (bucket: number, block: Uint8Array, keys: Float64Array) => void,
  ): void {
    // A counting sort: counts the entries of each bucket, then copies each entry to the next free slot of its bucket.
    const { count } = this;
    const scale = bucketScale(buckets);
    const starts = new Uint32Array(end - first + 1);
    for (let i = 0; i < count; i++) starts[Math.floor(this.keys[i]! * scale) - first + 1]!++;
    for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
    const next = starts.slice();
    const keys = new Float64Array(count);
    const offsets = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const key = this.keys[i]!;
      const at = next[Math.floor(key * scale) - first]!++;
      keys[at] = key;
      offsets[at] = this.offsets[i]!;
    }
    for (let i = 0; i < end - first; i++) {
      const [from, to] = [starts[i]!, starts[i + 1]!];
      if (from === to) continue;
      const block = new Uint8Array((to - from) * ENTRY_BYTES);
      const own = keys.subarray(from, to);
      new Float64Array(block.buffer, 0, to - from).set(own);
      new Uint32Array(block.buffer, (to - from) * 8, to - from).set(offsets.subarray(from, to));
      onBlock(first + i, block, own);
    }
    this.count = 0;
  }
  private grow(): void {
    const { keys, offsets } = this;
    this.keys = new Float64Array(keys.length * 2 + 1);
    this.offsets = new Uint32Array(this.keys.length);
    this.keys.set(keys);
    this.offsets.set(offsets);
  }
}
