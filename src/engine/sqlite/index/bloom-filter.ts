// A Bloom filter over the keys in the index (Bloom 1970), in blocks of one cache line (Putze, Sanders, Singler 2007).
//
// Nearly every message is new. To find that out with a query to the index would take a quarter of the event loop's time
// under load. The filter finds it out in memory: "no" is certain, and "maybe", once in a few hundred, needs the query.

/** Keys are integers below this (message-key.ts). */
const KEY_SPACE = 2 ** 53;
const BITS_PER_KEY = 16;
const PROBES = 6;
const WORDS_PER_BLOCK = 16;
const BITS_PER_BLOCK = WORDS_PER_BLOCK * 32;
const MIN_KEYS = 65_536;

/**
 * Two threads share its memory: the index worker adds keys, the event loop looks them up. The worker adds a key before it
 * reports the message as indexed.
 */
export class BloomFilter {
  /** The number of keys up to which "maybe" is rare enough. */
  readonly capacity: number;
  private readonly words: Int32Array;
  private readonly blocks: number;

  constructor(readonly memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
    this.blocks = this.words.length / WORDS_PER_BLOCK;
    this.capacity = (this.words.length * 32) / BITS_PER_KEY;
  }

  /** Returns an empty filter for at least `keys` keys. */
  static sized(keys: number): BloomFilter {
    const blocks = Math.ceil((Math.max(keys, MIN_KEYS) * BITS_PER_KEY) / BITS_PER_BLOCK);
    return new BloomFilter(new SharedArrayBuffer(blocks * WORDS_PER_BLOCK * 4));
  }

  add(key: number): void {
    const start = this.block(key);
    let bits = probesOf(key);
    for (let i = 0; i < PROBES; i++) {
      const word = start + ((bits >>> 5) & (WORDS_PER_BLOCK - 1));
      this.words[word] = this.words[word]! | (1 << (bits & 31));
      bits = Math.imul(bits, 0x9e3779b1) + 0x7f4a7c15;
      bits ^= bits >>> 15;
    }
  }

  addAll(keys: Float64Array): void {
    for (let i = 0; i < keys.length; i++) this.add(keys[i]!);
  }

  /** Returns false if `key` was certainly never added. */
  mayHave(key: number): boolean {
    const start = this.block(key);
    let bits = probesOf(key);
    for (let i = 0; i < PROBES; i++) {
      if ((this.words[start + ((bits >>> 5) & (WORDS_PER_BLOCK - 1))]! & (1 << (bits & 31))) === 0)
        return false;
      bits = Math.imul(bits, 0x9e3779b1) + 0x7f4a7c15;
      bits ^= bits >>> 15;
    }
    return true;
  }

  /**
   * The high bits of a key choose the block, the low bits choose the bits in it. So keys that are near each other share a
   * block, and keys that are added in order, as the index stores them, access the memory in sequence.
   */
  private block(key: number): number {
    return Math.floor((key / KEY_SPACE) * this.blocks) * WORDS_PER_BLOCK;
  }
}

function probesOf(key: number): number {
  let bits = (key % 4294967296) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x45d9f3b);
  return bits ^ (bits >>> 16);
}
