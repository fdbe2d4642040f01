import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { Message } from "../message.ts";
import { MAX_OUT_OF_ORDER } from "../options.ts";

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
export type InboxItem = { readonly message: Message } | { readonly lost: Lost };

/** What a frame makes of the inbox. `readAfter`: send a `history` request for what follows this `seq`. */
export interface InboxOutput {
  readonly items: readonly InboxItem[];
  readonly readAfter?: number | undefined;
}

/**
 * Puts messages in order, each once, and never passes over a hole in silence: what is missing is read from the history,
 * and what cannot be read is told as lost.
 */
export interface Inbox {
  /** Where to resume; undefined before the first welcome. */
  position(): Position | undefined;
  /** Whether messages exist that were not told yet. */
  isBehind(): boolean;
  /** A connection was let in. Without an earlier position, what was said before it is not missed. */
  welcome(frame: Pick<ServerFrameOf<"welcome">, "seq" | "epoch" | "resumed" | "lost">): InboxOutput;
  message(message: Message): InboxOutput;
  /** The answer to `readAfter`; an empty one without `more` also says that what is missing cannot be read. */
  page(messages: readonly Message[], more: boolean): InboxOutput;
}

export function createInbox(from?: Position): Inbox {
  let seq = from?.seq ?? 0;
  let epoch = from?.epoch;
  /** The newest `seq` that is known to exist. */
  let target = 0;
  /** What came after a hole, in order of `seq`. */
  let held: Message[] = [];
  /** A `history` request is under way. */
  let reading = false;
  /** The server sends by itself what follows a resumption; only a hole in that is read. */
  let replaying = false;
  let items: InboxItem[] = [];

  function accept(message: Message): void {
    seq = message.seq;
    items.push({ message });
  }

  function markLostUpTo(last: number): void {
    if (last > seq) items.push({ lost: { first: seq + 1, last } });
    seq = Math.max(seq, last);
  }

  /** Lets go what was held and is next now, and says what else is needed. */
  function drain(): InboxOutput {
    while (held.length > 0 && held[0]!.seq <= seq + 1) {
      const next = held.shift()!;
      if (next.seq > seq) accept(next);
    }
    const all = items;
    items = [];
    if (reading || seq >= target || (replaying && held.length === 0)) return { items: all };
    reading = true;
    return { items: all, readAfter: seq };
  }

  return {
    position: () => (epoch === undefined ? undefined : { seq, epoch }),
    isBehind: () => seq < target,
    welcome(frame) {
      held = [];
      reading = false;
      replaying = frame.resumed;
      target = frame.seq;
      if (epoch !== frame.epoch || frame.seq < seq) {
        if (epoch !== undefined) items.push({ lost: { epoch: frame.epoch } });
        seq = frame.seq;
        epoch = frame.epoch;
      } else if (frame.lost !== undefined) markLostUpTo(frame.lost.last);
      return drain();
    },
    message(message) {
      if (message.seq > seq) {
        target = Math.max(target, message.seq);
        if (message.seq === seq + 1) accept(message);
        // The newest are dropped, not the oldest: they are read after those.
        else if (held.length < MAX_OUT_OF_ORDER) held.push(message);
      }
      return drain();
    },
    page(messages, more) {
      reading = false;
      replaying = false;
      for (const message of messages) {
        if (message.seq <= seq) continue;
        markLostUpTo(message.seq - 1);
        accept(message);
      }
      // The server has nothing more before what is held: it is gone.
      if (messages.length === 0 && !more) markLostUpTo((held[0]?.seq ?? target + 1) - 1);
      return drain();
    },
  };
}
