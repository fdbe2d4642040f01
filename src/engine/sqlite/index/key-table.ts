// The positions of messages by key: a hash table with linear probing, and deletion that moves entries back (Knuth, The Art of
// Computer Programming, volume 3, §6.4, algorithm R).
//
// Each new message looks up its key, and nearly every time it is not there. With a hundred thousand entries each step to another
// place in memory takes up to 0.1 µs. A `Map` takes four to find a key missing and to add it; this table takes one, and is small
// enough for the processor's caches.

const TWO_TO_31 = 2 ** 31;
const MIN_SLOTS = 1_024;

/**
 * A slot has two numbers of 32 bits: 31 bits of the key and a 1, so that it is never 0 as a free slot is; and the lower half of the
 * position.
 */
const FIELDS_PER_SLOT = 2;
const TAG_BITS = 32;

const NONE: readonly number[] = [];

/**
 * A multimap from keys to positions, which MUST be within 2^32 of each other. It compares 31 bits of the keys: for one of a hundred
 * thousand look-ups it returns a position with another key. It doubles at half full, and is small again once it is empty.
 */
export class KeyTable {
  private slots = new Uint32Array(MIN_SLOTS * FIELDS_PER_SLOT);
  private tagShift = TAG_BITS - Math.log2(MIN_SLOTS);
  private used = 0;
  private newest = 0;

  /** Returns the positions with `key`, in the order in which they were added; usually none or one. */
  withKey(key: number): readonly number[] {
    const { slots } = this;
    const tag = tagOf(key);
    let found: number[] | undefined;
    for (let at = this.homeOf(tag); slots[at] !== 0; at = this.next(at)) {
      if (slots[at] !== tag) continue;
      const position = this.newest - ((this.newest - slots[at + 1]!) >>> 0);
      if (found === undefined) found = [position];
      else found.push(position);
    }
    return found ?? NONE;
  }

  /** Adds `position`, which MUST be the highest. */
  add(key: number, position: number): void {
    if (++this.used * 2 * FIELDS_PER_SLOT > this.slots.length) this.grow();
    this.newest = position;
    this.insert(tagOf(key), position);
  }

  /** Removes `position`, which MUST be there with `key`. */
  remove(key: number, position: number): void {
    const { slots } = this;
    const tag = tagOf(key);
    const half = position >>> 0;
    let free = this.homeOf(tag);
    while (slots[free] !== tag || slots[free + 1] !== half) {
      if (slots[free] === 0) throw new Error(`The position ${position} is not in the table.`);
      free = this.next(free);
    }
    // No free slot may come between an entry and its home: a search would end there.
    for (let at = this.next(free); slots[at] !== 0; at = this.next(at)) {
      const home = this.homeOf(slots[at]!);
      const isHomeBetween = free < at ? home > free && home <= at : home > free || home <= at;
      if (isHomeBetween) continue;
      slots[free] = slots[at]!;
      slots[free + 1] = slots[at + 1]!;
      free = at;
    }
    slots[free] = 0;
    if (--this.used === 0 && slots.length > MIN_SLOTS * FIELDS_PER_SLOT) this.clear();
  }

  clear(): void {
    this.slots = new Uint32Array(MIN_SLOTS * FIELDS_PER_SLOT);
    this.tagShift = TAG_BITS - Math.log2(MIN_SLOTS);
    this.used = 0;
  }

  private insert(tag: number, position: number): void {
    const { slots } = this;
    let at = this.homeOf(tag);
    while (slots[at] !== 0) at = this.next(at);
    slots[at] = tag;
    slots[at + 1] = position;
  }

  private grow(): void {
    const before = this.slots;
    this.slots = new Uint32Array(before.length * 2);
    this.tagShift--;
    // From a free slot on, so that entries with one key that pass the end keep their order.
    let start = 0;
    while (before[start] !== 0) start += FIELDS_PER_SLOT;
    for (let i = 0; i < before.length; i += FIELDS_PER_SLOT) {
      const at = (start + i) % before.length;
      if (before[at] !== 0) this.insert(before[at]!, before[at + 1]!);
    }
  }

  /** The place where the search begins. The bits of a key are mixed, so they need no further hash. */
  private homeOf(tag: number): number {
    return (tag >>> this.tagShift) * FIELDS_PER_SLOT;
  }

  private next(at: number): number {
    return (at + FIELDS_PER_SLOT) & (this.slots.length - 1);
  }
}

/** The lower 31 bits of a key, and a 1. */
function tagOf(key: number): number {
  const low = key - Math.floor(key / TWO_TO_31) * TWO_TO_31;
  return ((low << 1) | 1) >>> 0;
}
