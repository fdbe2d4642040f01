// How a run stores the position of each `seq`: in groups, which are sorted by conversation and `seq` and divided into blocks.
//
//   block   group, group, …
//   group   conversation │ first seq │ count │ offset × count        each a word of 4 bytes; offset as in key-blocks.ts
//
// A group has consecutive messages of one conversation. The number of a conversation and a `seq` are below 2³²; a store that
// needs more would not fit on any disk.
import { BlockCorrupted, checksum } from "./checksum.ts";

/** The largest number of words in a block. With it, two rows fit into a page. */
const BLOCK_WORDS = 496;
const GROUP_HEADER_WORDS = 3;

/** A row of the table `by_seq`, as queries return it. */
export interface SeqRow {
  readonly run: number;
  readonly sum: number;
  readonly places: Uint8Array;
}

/** Returns a reader for the groups of one block. Throws BlockCorrupted. */
export function decodeSeqBlock({ run, sum, places }: SeqRow): SeqBlockReader {
  if (checksum(places, run) !== sum) throw new BlockCorrupted("by_seq", run);
  return new SeqBlockReader(new Uint32Array(places.buffer, places.byteOffset, places.byteLength / 4));
}

/** Iterates over the groups of a block. */
export class SeqBlockReader {
  conversation = 0;
  /** The first and the last `seq` of the current group. */
  first = 0;
  last = -1;
  private from = 0;
  private to = 0;

  constructor(private readonly words: Uint32Array) {}

  /** Moves to the next group of `conversation`. Returns false if there is none. */
  nextOf(conversation: number): boolean {
    while (this.next()) if (this.conversation >= conversation) return this.conversation === conversation;
    return false;
  }

  /** Moves to the next group. Returns false if there is none. */
  next(): boolean {
    const { words, to } = this;
    if (to >= words.length) return false;
    this.conversation = words[to]!;
    this.first = words[to + 1]!;
    this.last = this.first + words[to + 2]! - 1;
    this.from = to + GROUP_HEADER_WORDS;
    this.to = this.from + words[to + 2]!;
    return true;
  }

  /** Returns the offset of `seq`, which MUST be in the current group. */
  offsetOf(seq: number): number {
    return this.words[this.from + seq - this.first]!;
  }

  /** Adds the current group, from `seq` on, to `builder`, with `offset` added to each of its offsets. */
  appendTo(builder: SeqBlockBuilder, seq: number, offset: number): void {
    builder.addAll(this.conversation, seq, this.words, this.from + seq - this.first, this.to, offset);
  }
}

/** Builds blocks from entries, which MUST be added in the order of conversation and `seq`. */
export class SeqBlockBuilder {
  private readonly words = new Uint32Array(BLOCK_WORDS);
  private used = 0;
  private group = 0;
  private conversation = -1;
  private next = 0;

  /** `onBlock` is called with each block and its first entry. */
  constructor(private readonly onBlock: (conversation: number, seq: number, block: Uint8Array) => void) {}

  add(conversation: number, seq: number, offset: number): void {
    this.open(conversation, seq);
    this.words[this.used++] = offset;
    this.words[this.group + 2]!++;
    this.next = seq + 1;
  }

  /** Adds consecutive messages from `seq` on: `offset` plus each of the `words` at `from` ≤ index < `to`. */
  addAll(
    conversation: number,
    seq: number,
    words: Uint32Array,
    from: number,
    to: number,
    offset: number,
  ): void {
    for (let at = from; at < to; ) {
      this.open(conversation, seq + at - from);
      const count = Math.min(to - at, BLOCK_WORDS - this.used);
      for (let i = 0; i < count; i++) this.words[this.used + i] = words[at + i]! + offset;
      this.words[this.group + 2]! += count;
      this.used += count;
      at += count;
      this.next = seq + at - from;
    }
  }

  /** Ends the current block, if it has entries. */
  flush(): void {
    if (this.used === 0) return;
    this.onBlock(this.words[0]!, this.words[1]!, new Uint8Array(this.words.slice(0, this.used).buffer));
    this.used = 0;
  }

  /** Continues the current group if `seq` follows it, else begins a new group; begins a new block if the current one is full. */
  private open(conversation: number, seq: number): void {
    const goesOn = this.used > 0 && conversation === this.conversation && seq === this.next;
    if (this.used + (goesOn ? 1 : GROUP_HEADER_WORDS + 1) > BLOCK_WORDS) this.flush();
    else if (goesOn) return;
    this.group = this.used;
    this.words[this.used++] = conversation;
    this.words[this.used++] = seq;
    this.words[this.used++] = 0;
    this.conversation = conversation;
  }
}
