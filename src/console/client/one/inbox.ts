import type { Message } from "../../../client/message.ts";
import { MAX_OUT_OF_ORDER } from "../../../client/options.ts";
import type { ServerFrameOf } from "../../../protocol/server-frames.ts";

/** The last known message of a conversation; `seq` is only comparable within one `epoch`. */
export interface Position {
  readonly seq: number;
  readonly epoch: string;
}

/**
 * Messages that can no longer be read: those from `first` to `last`; or an unknown number, after the store lost its data
 * and began a new `epoch`.
 */
export type Lost = { readonly first: number; readonly last: number } | { readonly epoch: string };

/** One item to deliver to the application. */
export type InboxItem = { readonly message: Message } | { readonly lost: Lost };

/** The result of a frame: items to deliver, in this order. `readAfter`: send a `history` request for messages after this `seq`. */
export interface InboxOutput {
  readonly items: readonly InboxItem[];
  readonly readAfter?: number | undefined;
}

/**
 * Puts messages in order, each once, and never skips a gap silently: missing messages are read from the history, and
 * messages that cannot be read are reported as lost.
 */
export interface Inbox {
  /** Where to resume; undefined before the first welcome. */
  position(): Position | undefined;
  /** Whether messages exist that were not delivered yet. */
  isBehind(): boolean;
  /** A connection was welcomed. Without an earlier position, messages before it are not missed. */
  welcome(frame: Pick<ServerFrameOf<"welcome">, "seq" | "epoch" | "resumed" | "lost">): InboxOutput;
  message(message: Message): InboxOutput;
  /** The reply to `readAfter`; an empty page without `more` means that the missing messages cannot be read. */
  page(messages: readonly Message[], more: boolean): InboxOutput;
}

export function createInbox(from?: Position): Inbox {
  let seq = from?.seq ?? 0;
  let epoch = from?.epoch;
  /** The newest `seq` that is known to exist. */
  let target = 0;
  /** Messages received after a gap, in order of `seq`. */
  let held: Message[] = [];
  /** A `history` request is in flight. */
  let isReading = false;
  /** The server replays missed messages after a resume without being asked; only a gap in the replay is read. */
  let isReplaying = false;
  let items: InboxItem[] = [];

  function accept(message: Message): void {
    seq = message.seq;
    items.push({ message });
  }

  function markLostUpTo(last: number): void {
    if (last > seq) items.push({ lost: { first: seq + 1, last } });
    seq = Math.max(seq, last);
  }

  /** Delivers held messages that are next in order, and returns what else must be read. */
  function drain(): InboxOutput {
    while (held.length > 0 && held[0]!.seq <= seq + 1) {
      const next = held.shift()!;
      if (next.seq > seq) accept(next);
    }
    const all = items;
    items = [];
    if (isReading || seq >= target || (isReplaying && held.length === 0)) return { items: all };
    isReading = true;
    return { items: all, readAfter: seq };
  }

  return {
    position: () => (epoch === undefined ? undefined : { seq, epoch }),
    isBehind: () => seq < target,
    welcome(frame) {
      held = [];
      isReading = false;
      isReplaying = frame.resumed;
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
        // When full, the newest are dropped, not the oldest: they are read from the history later.
        else if (held.length < MAX_OUT_OF_ORDER) held.push(message);
      }
      return drain();
    },
    page(messages, more) {
      isReading = false;
      isReplaying = false;
      for (const message of messages) {
        if (message.seq <= seq) continue;
        markLostUpTo(message.seq - 1);
        accept(message);
      }
      // The server has no more messages before the held ones: the missing ones are lost.
      if (messages.length === 0 && !more) markLostUpTo((held[0]?.seq ?? target + 1) - 1);
      return drain();
    },
  };
}
