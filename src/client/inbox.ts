import type { Message, ServerFrameOf } from "../protocol/server-frames.ts";
import { MAX_HELD } from "./options.ts";

/** Up to where a conversation is known: `seq` means something within one `epoch` only. */
export interface Position {
  readonly seq: number;
  readonly epoch: string;
}

/**
 * Messages that can no longer be had: those from `first` to `last`, or, after the store was lost and another life of it
 * (`epoch`) began, nobody knows which.
 */
export type Lost = { readonly first: number; readonly last: number } | { readonly epoch: string };

/** What the application is told, in this order. */
export type Told = { readonly message: Message } | { readonly lost: Lost };

/** What a frame makes of the inbox. `readAfter`: send a `history` request for what follows this `seq`. */
export interface Taken {
  readonly told: readonly Told[];
  readonly readAfter?: number;
}

/**
 * Puts messages in order, each once, and never passes over a hole in silence: what is missing is read from the history,
 * and what cannot be read is told as lost.
 */
export class Inbox {
  /** The newest `seq` that is known to exist. */
  private target = 0;
  /** What came after a hole, in order of `seq`. */
  private held: Message[] = [];
  private reading = false;

  constructor(private at?: Position) {}

  /** Where to resume; undefined before the first welcome. */
  get position(): Position | undefined {
    return this.at;
  }

  get isBehind(): boolean {
    return this.at !== undefined && this.at.seq < this.target;
  }

  /** A connection was let in. Without an earlier position, what was said before it is not missed. */
  welcome({ seq, epoch, resumed, lost }: ServerFrameOf<"welcome">): Taken {
    const before = this.at;
    this.held = [];
    this.reading = false;
    this.target = seq;
    if (before === undefined || before.epoch !== epoch || seq < before.seq) {
      this.at = { seq, epoch };
      return { told: before === undefined ? [] : [{ lost: { epoch } }] };
    }
    const told: Told[] = [];
    if (lost !== undefined) this.loseUpTo(lost[1], told);
    return resumed ? { told } : { told, ...this.readRest() };
  }

  message(message: Message): Taken {
    const told: Told[] = [];
    if (this.at === undefined || message.seq <= this.at.seq) return { told };
    this.target = Math.max(this.target, message.seq);
    if (message.seq === this.at.seq + 1) {
      this.accept(message, told);
      this.release(told);
      return { told };
    }
    // The newest are dropped, not the oldest: they are read after those.
    if (this.held.length < MAX_HELD) this.held.push(message);
    return { told, ...this.readRest() };
  }

  /** The answer to `readAfter`. */
  page(messages: readonly Message[], more: boolean): Taken {
    const told: Told[] = [];
    this.reading = false;
    if (this.at === undefined) return { told };
    for (const message of messages) {
      if (message.seq <= this.at.seq) continue;
      this.loseUpTo(message.seq - 1, told);
      this.accept(message, told);
    }
    // The server has nothing more before what is held: it is gone.
    if (messages.length === 0 && !more) this.loseUpTo((this.held[0]?.seq ?? this.target + 1) - 1, told);
    this.release(told);
    return { told, ...this.readRest() };
  }

  /** The history may not be read: what is missing is lost to this client. */
  giveUp(): Taken {
    return this.page([], false);
  }

  private accept(message: Message, told: Told[]): void {
    this.moveTo(message.seq);
    told.push({ message });
  }

  /** Lets go what was held and is next now. */
  private release(told: Told[]): void {
    let next = this.held[0];
    while (next !== undefined && next.seq <= this.at!.seq + 1) {
      this.held.shift();
      if (next.seq > this.at!.seq) this.accept(next, told);
      next = this.held[0];
    }
  }

  private loseUpTo(last: number, told: Told[]): void {
    const first = this.at!.seq + 1;
    if (last < first) return;
    told.push({ lost: { first, last } });
    this.moveTo(last);
  }

  private moveTo(seq: number): void {
    this.at = { seq, epoch: this.at!.epoch };
    this.target = Math.max(this.target, seq);
  }

  private readRest(): { readAfter?: number } {
    if (this.reading || !this.isBehind) return {};
    this.reading = true;
    return { readAfter: this.at!.seq };
  }
}
