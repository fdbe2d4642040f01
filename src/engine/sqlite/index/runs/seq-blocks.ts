// How a run keeps where each `seq` stands: in groups, sorted by conversation and `seq`, cut into pieces.
//
//   piece   group, group, …
//   group   conversation │ first seq │ count │ place × count        each a word of 4 bytes; place as in key-blocks.ts
//
// A group is a stretch of one conversation without holes. Numbers of conversations and messages in one of them end at
// 2³²; the store would be larger than any disk long before.
import { BlockCorrupted, checksum } from "./checksum.ts";

/** Words in a piece: two rows fill a page. */
const BLOCK_WORDS = 496;
const GROUP_HEADER_WORDS = 3;

/** A row of `by_seq`, as it is read. */
export interface SeqRow {
  readonly run: number;
  readonly sum: number;
  readonly places: Uint8Array;
}

/** The groups of one piece. Throws BlockCorrupted. */
export function decodeSeqBlock({ run, sum, places }: SeqRow): SeqBlockReader {
  if (checksum(places, run) !== sum) throw new BlockCorrupted("by_seq", run);
  return new SeqBlockReader(new Uint32Array(places.buffer, places.byteOffset, places.byteLength / 4));
}

/** Goes through the groups of a piece. */
export class SeqBlockReader {
  conversation = 0;
  /** The first and the last `seq` of the group at hand. */
  first = 0;
  last = -1;
  private from = 0;
  private to = 0;

  constructor(private readonly words: Uint32Array) {}

  /** Moves on to the next group of `conversation`; returns false where there is none. */
  nextOf(conversation: number): boolean {
    while (this.next()) if (this.conversation >= conversation) return this.conversation === conversation;
    return false;
  }

  /** Moves on to the next group; returns false where there is none. */
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

  /** The place of `seq`, which the group at hand has. */
  offsetOf(seq: number): number {
    return this.words[this.from + seq - this.first]!;
  }

  /** Adds the group at hand from `seq` on to what is packed, `offset` added to each place. */
  appendTo(builder: SeqBlockBuilder, seq: number, offset: number): void {
    builder.addAll(this.conversation, seq, this.words, this.from + seq - this.first, this.to, offset);
  }
}

/** Packs entries, which come sorted by conversation and `seq`, into pieces. */
export class SeqBlockBuilder {
  private readonly words = new Uint32Array(BLOCK_WORDS);
  private used = 0;
  private group = 0;
  private conversation = -1;
  private next = 0;

  /** `take` is given each piece with its first entry. */
  constructor(private readonly onBlock: (conversation: number, seq: number, piece: Uint8Array) => void) {}

  add(conversation: number, seq: number, offset: number): void {
    this.open(conversation, seq);
    this.words[this.used++] = offset;
    this.words[this.group + 2]!++;
    this.next = seq + 1;
  }

  /** Adds a stretch of a conversation from `seq` on: the `words` from `from` to before `to`, `offset` added to each. */
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

  /** Gives away what is not a whole piece yet. */
  flush(): void {
    if (this.used === 0) return;
    this.onBlock(this.words[0]!, this.words[1]!, new Uint8Array(this.words.slice(0, this.used).buffer));
    this.used = 0;
  }

  /** Makes room for `seq` at least, in the group that it goes on or in one of its own. */
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
