// How a run keeps where each `seq` stands: in groups, sorted by conversation and `seq`, cut into pieces.
//
//   piece   group, group, …
//   group   conversation │ first seq │ count │ place × count        each a word of 4 bytes; place as in key-pieces.ts
//
// A group is a stretch of one conversation without holes. Numbers of conversations and messages in one of them end at
// 2³²; the store would be larger than any disk long before.
import { PieceDamaged, sumOf } from "./damage.ts";

/** Words in a piece. A row of more than 1,002 bytes would take pages of its own in SQLite. */
const PIECE_WORDS = 240;
const HEADER = 3;

/** A row of `by_seq`, as it is read, with the first position of its run. */
export interface SeqRow {
  readonly run: number;
  readonly first: number;
  readonly sum: number;
  readonly places: Uint8Array;
}

/** The groups of one piece. Throws PieceDamaged. */
export function openSeqPiece({ run, sum, places }: Omit<SeqRow, "first">): SeqGroups {
  if (sumOf(places, run) !== sum) throw new PieceDamaged("by_seq", run);
  return new SeqGroups(new Uint32Array(places.buffer, places.byteOffset, places.byteLength / 4));
}

/** Goes through the groups of a piece. */
export class SeqGroups {
  conversation = 0;
  /** The first and the last `seq` of the group at hand. */
  first = 0;
  last = -1;
  private from = 0;
  private to = 0;

  constructor(private readonly words: Uint32Array) {}

  /** Moves on to the next group of `conversation`; answers false where there is none. */
  nextOf(conversation: number): boolean {
    while (this.next()) if (this.conversation >= conversation) return this.conversation === conversation;
    return false;
  }

  /** Moves on to the next group; answers false where there is none. */
  next(): boolean {
    const { words, to } = this;
    if (to >= words.length) return false;
    this.conversation = words[to]!;
    this.first = words[to + 1]!;
    this.last = this.first + words[to + 2]! - 1;
    this.from = to + HEADER;
    this.to = this.from + words[to + 2]!;
    return true;
  }

  /** The place of `seq`, which the group at hand has. */
  place(seq: number): number {
    return this.words[this.from + seq - this.first]!;
  }
}

/** Packs entries, which come sorted by conversation and `seq`, into pieces. */
export class SeqPacker {
  private readonly words = new Uint32Array(PIECE_WORDS);
  private used = 0;
  private group = 0;
  private conversation = -1;
  private next = 0;

  /** `take` is given each piece with its first entry. */
  constructor(private readonly take: (conversation: number, seq: number, piece: Uint8Array) => void) {}

  add(conversation: number, seq: number, place: number): void {
    const goesOn = this.used > 0 && conversation === this.conversation && seq === this.next;
    if (this.used + (goesOn ? 1 : HEADER + 1) > PIECE_WORDS) {
      this.flush();
      this.begin(conversation, seq);
    } else if (!goesOn) this.begin(conversation, seq);
    this.words[this.used++] = place;
    this.words[this.group + 2]!++;
    this.next = seq + 1;
  }

  /** Gives away what is not a whole piece yet. */
  flush(): void {
    if (this.used === 0) return;
    this.take(this.words[0]!, this.words[1]!, new Uint8Array(this.words.slice(0, this.used).buffer));
    this.used = 0;
  }

  private begin(conversation: number, seq: number): void {
    this.group = this.used;
    this.words[this.used++] = conversation;
    this.words[this.used++] = seq;
    this.words[this.used++] = 0;
    this.conversation = conversation;
  }
}
