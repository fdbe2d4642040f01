import type { Message } from "../message.ts";
import { MAX_OUT_OF_ORDER } from "../options.ts";
import type { Change, Opened } from "../types/frames.ts";

/** The last known message of a conversation; `seq` is only comparable within one `epoch`. */
export interface Place {
  readonly seq: number;
  readonly epoch: string;
  /** The newest change that is known; changes that are missed come summed up after it. */
  readonly rev?: number | undefined;
}

/**
 * Messages that can no longer be read: those from `first` to `last`; or an unknown number, after the store lost its data
 * and began a new `epoch`.
 */
export type Lost = { readonly first: number; readonly last: number } | { readonly epoch: string };

/** One item to deliver to the application. */
export type SequenceItem =
  | { readonly message: Message }
  | { readonly change: Change }
  | { readonly lost: Lost };

/** The result of a frame: items to deliver, in this order. `readAfter`: send a `history` request for messages after this `seq`. */
export interface Sequence {
  readonly items: readonly SequenceItem[];
  readonly readAfter?: number | undefined;
}

/**
 * Puts messages in order, each once, and never skips a gap silently: missing messages are read from the history, and
 * messages that cannot be read are reported as lost. A change is delivered after its message, and in the order of changes.
 */
export interface Sequencer {
  /** Where to resume; undefined before the first opening. */
  place(): Place | undefined;
  /** Whether messages exist that were not delivered yet. */
  isBehind(): boolean;
  /** The conversation was opened. Without an earlier place, messages before it are not missed; `skipped` ones were not asked for. */
  opened(frame: Pick<Opened, "seq" | "epoch" | "resumed" | "lost" | "skipped" | "rev" | "reread">): Sequence;
  message(message: Message): Sequence;
  /** Changes that are known already are dropped. */
  change(change: Change): Sequence;
  /** The reply to `readAfter`; an empty page without `more` means that the missing messages cannot be read. */
  page(messages: readonly Message[], more: boolean): Sequence;
}

export function createSequencer(from?: Place): Sequencer {
  let seq = from?.seq ?? 0;
  let epoch = from?.epoch;
  let rev = from?.rev;
  /** The newest `seq` that is known to exist. */
  let target = 0;
  /** Messages received after a gap, in order of `seq`. */
  let held: Message[] = [];
  /** Changes that wait for a message before them, in order of `rev`. */
  let changes: Change[] = [];
  /** A `history` request is in flight. */
  let isReading = false;
  /** The server replays missed messages after a resume without being asked; only a gap in the replay is read. */
  let isReplaying = false;
  let items: SequenceItem[] = [];

  function accept(message: Message): void {
    seq = message.seq;
    items.push({ message });
  }

  function markLostUpTo(last: number): void {
    if (last > seq) items.push({ lost: { first: seq + 1, last } });
    seq = Math.max(seq, last);
  }

  /** Delivers held messages that are next in order, and returns what else must be read. */
  function drain(): Sequence {
    while (held.length > 0 && held[0]!.seq <= seq + 1) {
      const next = held.shift()!;
      if (next.seq > seq) accept(next);
    }
    // A later one waits, too: the place must not go past a change that was not delivered.
    while (changes.length > 0 && changes[0]!.seq <= seq) {
      const change = changes.shift()!;
      rev = change.rev;
      items.push({ change });
    }
    const all = items;
    items = [];
    if (isReading || seq >= target || (isReplaying && held.length === 0)) return { items: all };
    isReading = true;
    return { items: all, readAfter: seq };
  }

  return {
    place: () => (epoch === undefined ? undefined : { seq, epoch, ...(rev !== undefined && { rev }) }),
    isBehind: () => seq < target,
    opened(frame) {
      held = [];
      changes = [];
      isReading = false;
      isReplaying = frame.resumed;
      target = frame.seq;
      if (epoch !== frame.epoch || frame.seq < seq) {
        if (epoch !== undefined) items.push({ lost: { epoch: frame.epoch } });
        seq = frame.seq;
        epoch = frame.epoch;
        rev = undefined;
      } else if (frame.lost !== undefined) markLostUpTo(frame.lost.last);
      seq = Math.max(seq, frame.skipped?.last ?? 0);
      if (rev === undefined || frame.reread) ({ rev } = frame);
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
    change(change) {
      if (change.rev > (changes.at(-1)?.rev ?? rev ?? 0)) changes.push(change);
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
