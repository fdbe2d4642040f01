// How a run keeps its keys: in buckets by their high bits, each bucket one piece of a few hundred bytes.
//
//   piece   key (8 bytes) × n │ place (4 bytes) × n        place = position − the run's first position
//
// Keys are hashes, so buckets fill evenly, whoever chose the names. Nothing is sorted: a look-up reads one bucket and
// goes through it, and putting a message into its bucket costs no comparison.
import { PieceDamaged, sumOf } from "./damage.ts";

/** Bits of a message's key (message-key.ts). */
const KEY_BITS = 53;
/** Most entries a bucket has on average. A row of more than 1,002 bytes would take pages of its own in SQLite. */
const FILL = 64;
const ENTRY_BYTES = 12;

/** How many bits of a key choose its bucket in a run of `entries` messages. */
export function bucketBits(entries: number): number {
  return Math.max(0, Math.ceil(Math.log2(entries / FILL)));
}

/** The number of the bucket that holds `key`. */
export function bucketOf(key: number, bits: number): number {
  return Math.floor(key * 2 ** (bits - KEY_BITS));
}

/** The lowest key of a bucket. */
export function lowestKey(bucket: number, bits: number): number {
  return bucket * 2 ** (KEY_BITS - bits);
}

/** A row of `by_key`, as it is read. */
export interface KeyRow {
  readonly run: number;
  readonly sum: number;
  readonly entries: Uint8Array;
}

/** The entries of one piece. Throws PieceDamaged. */
export function openKeyPiece({ run, sum, entries }: KeyRow): { keys: Float64Array; places: Uint32Array } {
  if (sumOf(entries, run) !== sum) throw new PieceDamaged("by_key", run);
  const count = entries.byteLength / ENTRY_BYTES;
  return {
    keys: new Float64Array(entries.buffer, entries.byteOffset, count),
    places: new Uint32Array(entries.buffer, entries.byteOffset + count * 8, count),
  };
}

/** Entries by key that were gathered, to be given away as pieces. */
export class KeyGatherer {
  private keys: Float64Array;
  private places: Uint32Array;
  private count = 0;

  /** `room` is how many entries it is made for; it grows where more come. */
  constructor(room: number) {
    this.keys = new Float64Array(room);
    this.places = new Uint32Array(room);
  }

  add(key: number, place: number): void {
    if (this.count === this.keys.length) this.grow();
    this.keys[this.count] = key;
    this.places[this.count++] = place;
  }

  /** Gives each bucket from `first` to before `end` that is not empty as a piece, in order, and its keys. */
  give(
    bits: number,
    first: number,
    end: number,
    take: (bucket: number, piece: Uint8Array, keys: Float64Array) => void,
  ): void {
    // Counted first, then each put where its bucket begins.
    const { count } = this;
    const starts = new Uint32Array(end - first + 1);
    for (let i = 0; i < count; i++) starts[bucketOf(this.keys[i]!, bits) - first + 1]!++;
    for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
    const next = starts.slice();
    const keys = new Float64Array(count);
    const places = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const key = this.keys[i]!;
      const at = next[bucketOf(key, bits) - first]!++;
      keys[at] = key;
      places[at] = this.places[i]!;
    }
    for (let i = 0; i < end - first; i++) {
      const [from, to] = [starts[i]!, starts[i + 1]!];
      if (from === to) continue;
      const piece = new Uint8Array((to - from) * ENTRY_BYTES);
      const own = keys.subarray(from, to);
      new Float64Array(piece.buffer, 0, to - from).set(own);
      new Uint32Array(piece.buffer, (to - from) * 8, to - from).set(places.subarray(from, to));
      take(first + i, piece, own);
    }
    this.count = 0;
  }
  private grow(): void {
    const { keys, places } = this;
    this.keys = new Float64Array(keys.length * 2 + 1);
    this.places = new Uint32Array(this.keys.length);
    this.keys.set(keys);
    this.places.set(places);
  }
}
