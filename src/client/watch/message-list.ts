import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { Lost } from "../conversation/sequencer.ts";
import type { Ack } from "../conversation/types.ts";
import type { AnyData, Message } from "../message.ts";
import { ParleyError } from "../types/error.ts";
import type { Change } from "../types/frames.ts";
import type { Pending, PendingMessage } from "../types/options.ts";
import { applyChange, storedEntry } from "./changes.ts";
import type { Entry } from "./entry.ts";
import { foreseen, type OwnChange, stillOpen, withAck, withFailure, withPending } from "./own-changes.ts";

/** The messages of a conversation, the oldest first. Between two entries whose `seq` is not adjacent, messages are not loaded or `lost`. */
export interface MessageList<Data extends object = AnyData> {
  readonly entries: readonly Entry<Data>[];
  /** `loading`: the first page is awaited. `stale`: messages may have come since that are not in the list. */
  readonly status: "loading" | "ready" | "stale";
  /** Whether `loadOlder()` finds more: before the first entry, or where entries are missing. */
  readonly hasOlder: boolean;
  /** Up to which `seq` this user has read. */
  readonly read: number;
  /** Messages that can never be loaded. After a new epoch the list is empty again. */
  readonly lost: readonly Lost[];
}

/** A message that is being written. `n`: the newest append in its text. */
export type StreamingEntry = Entry & { readonly streamId: string; readonly n: number };

/** The list, and what it needs to go on. */
export interface ListState extends MessageList {
  readonly stored: readonly Entry[];
  /** Own messages, as written: not acked, failed, or acked and not received yet. */
  readonly waiting: readonly Entry[];
  /** Messages that are being written, those that were begun first in front. */
  readonly streaming: readonly StreamingEntry[];
  /** This user's own changes: not acked, failed, or acked and not received yet. */
  readonly changes: readonly OwnChange[];
  /** While messages are being read: changes of messages that are not in the list, which may be in an older state in the answer. */
  readonly early: readonly Change[];
  /** The messages are to be read again. */
  readonly isOld: boolean;
  /** The smallest `seq` that can be loaded, as far as is known. */
  readonly floor: number;
  /** The newest `seq` that exists, as far as is known. */
  readonly newest: number;
  /** The first page was loaded. */
  readonly isLoaded: boolean;
}

type StreamText = ServerFrameOf<"stream">;
type StreamMore = ServerFrameOf<"stream_append">;

export type ListEvent =
  | { readonly type: "opened"; readonly seq: number; readonly read: number }
  /** `more`: there are older messages than these. */
  | {
      readonly type: "page";
      readonly messages: readonly Message[];
      readonly more: boolean;
      readonly mine?: Readonly<Record<number, readonly string[]>> | undefined;
    }
  /** `isReading`: an answer with older messages is awaited. */
  | { readonly type: "change"; readonly change: Change; readonly isReading: boolean }
  /** No answer with messages is awaited any more. */
  | { readonly type: "read_out" }
  /** Whether the messages are to be read again. */
  | { readonly type: "old"; readonly isOld: boolean }
  | { readonly type: "message"; readonly message: Message }
  /** The text of a stream so far. */
  | ({ readonly type: "stream" } & Omit<StreamText, "type">)
  | ({ readonly type: "stream_append" } & Omit<StreamMore, "type">)
  | { readonly type: "lost"; readonly lost: Lost }
  /** Messages and changes that wait for their ack; `at` is the time, in milliseconds since 1970. */
  | { readonly type: "pending"; readonly pending: readonly Pending[]; readonly at: number }
  | { readonly type: "acked"; readonly ack: Ack }
  | { readonly type: "failed"; readonly message: Pending; readonly error: unknown; readonly at: number }
  | { readonly type: "discarded"; readonly id: string }
  | { readonly type: "read"; readonly seq: number }
  | { readonly type: "live"; readonly isLive: boolean };

export const EMPTY_LIST: ListState = {
  entries: [],
  status: "loading",
  hasOlder: false,
  read: 0,
  lost: [],
  stored: [],
  waiting: [],
  streaming: [],
  changes: [],
  early: [],
  isOld: false,
  floor: 1,
  newest: 0,
  isLoaded: false,
};

/** An own message is written before the user is known, perhaps. */
const keyOf = (from: string, id: string, user: string) => (from === user ? id : `${from}\n${id}`);

/** One step of the list: returns the state after `event`; the same object if nothing changed. `user` is this user. */
export function listStep(state: ListState, event: ListEvent, user: string): ListState {
  const next = afterEvent(state, event, user);
  return next === state ? state : complete(state, next, user);
}

/** Returns the state after `event`, without what is derived. */
function afterEvent(state: ListState, event: ListEvent, user: string): ListState {
  const { stored, waiting } = state;
  switch (event.type) {
    case "opened": {
      const { seq, read } = event;
      return {
        ...state,
        newest: Math.max(state.newest, seq),
        read: Math.max(state.read, read),
        isLoaded: state.isLoaded || seq === 0,
        // The server sends the text of each open stream again. Those that ended meanwhile are messages.
        streaming: state.streaming.length > 0 ? [] : state.streaming,
      };
    }
    case "page": {
      const { messages, mine = {} } = event;
      const merged = merge(
        state,
        messages.map((message) => ({ ...message, mine: mine[message.seq] })),
        user,
      );
      const first = event.messages[0]?.seq ?? startOf(state);
      return {
        ...state,
        ...merged,
        isLoaded: true,
        ...(!event.more && { floor: Math.max(state.floor, first) }),
      };
    }
    case "message":
      return { ...state, ...merge(state, [event.message], user) };
    case "change": {
      const { change, isReading } = event;
      const index = stored.findIndex(({ seq }) => seq === change.seq);
      if (index < 0) return isReading ? { ...state, early: [...state.early, change] } : state;
      const next = applyChange(stored[index]!, change, user);
      return next === stored[index]
        ? state
        : { ...state, stored: stored.map((one) => (one.seq === change.seq ? next : one)) };
    }
    case "read_out":
      return state.early.length === 0 ? state : { ...state, early: [] };
    case "old":
      return { ...state, isOld: event.isOld };
    case "stream": {
      const { type: _, stream: streamId, conversation: __, ...fields } = event;
      const { from, id } = fields;
      const key = keyOf(from, id, user);
      // It has ended: nothing comes after the message.
      if (stored.some((entry) => entry.key === key)) return state;
      const own = from === user;
      const entry: StreamingEntry = { ...fields, key, streamId, state: "streaming", own, myReactions: [] };
      const isKnown = state.streaming.some((one) => one.key === key);
      return {
        ...state,
        streaming: isKnown
          ? state.streaming.map((one) => (one.key === key ? entry : one))
          : [...state.streaming, entry],
      };
    }
    case "stream_append": {
      const { stream, after, n, text, data } = event;
      // After a gap the text stays as it is until the server sends all of it again, or the message.
      if (!state.streaming.some((one) => one.streamId === stream && one.n === after)) return state;
      return {
        ...state,
        streaming: state.streaming.map((one) =>
          one.streamId === stream ? { ...one, n, text: one.text + text, ...(data && { data }) } : one,
        ),
      };
    }
    case "lost":
      return "epoch" in event.lost
        ? { ...EMPTY_LIST, waiting, changes: state.changes, lost: [event.lost] }
        : { ...state, lost: [...state.lost, event.lost] };
    case "pending": {
      const known = new Map(waiting.map((entry) => [entry.id, entry]));
      const changes = withPending(state.changes, event.pending, event.at);
      const added = event.pending.flatMap((one) => {
        const entry = known.get(one.id);
        if (one.type !== undefined || entry?.state === "pending") return [];
        known.delete(one.id);
        return [entryOf(one, entry?.at ?? event.at, user)];
      });
      if (added.length > 0)
        return { ...state, changes, waiting: [...waiting.filter(({ id }) => known.has(id)), ...added] };
      return changes === state.changes ? state : { ...state, changes };
    }
    case "acked": {
      const { id, seq, at } = event.ack;
      const changes = withAck(state.changes, event.ack);
      return replace({ ...state, changes }, id, (entry) => ({
        ...entry,
        from: user,
        state: "stored",
        seq,
        at,
      }));
    }
    case "failed": {
      const { message, error, at } = event;
      // Cancelled by its sender: nothing to retry.
      const refusal = error instanceof ParleyError ? error : undefined;
      if (message.type !== undefined)
        return { ...state, changes: withFailure(state.changes, message, refusal, at) };
      if (refusal === undefined) return replace(state, message.id, () => undefined);
      const known = waiting.some(({ id }) => id === message.id)
        ? state
        : { ...state, waiting: [...waiting, entryOf(message, at, user)] };
      return replace(known, message.id, (entry) => ({ ...entry, state: "failed", error: refusal }));
    }
    case "discarded": {
      const changes = state.changes.filter(({ id }) => id !== event.id);
      return replace(
        changes.length < state.changes.length ? { ...state, changes } : state,
        event.id,
        () => undefined,
      );
    }
    case "read":
      return event.seq > state.read ? { ...state, read: event.seq } : state;
    default: {
      const status = !state.isLoaded ? "loading" : event.isLive && !state.isOld ? "ready" : "stale";
      return stored === state.stored && status === state.status ? state : { ...state, status };
    }
  }
}

/** Returns the `seq` of the first entry of the newest block without a hole: older messages are loaded before it. */
export function startOf({ stored, newest, lost }: Pick<ListState, "stored" | "newest" | "lost">): number {
  let start = newest + 1;
  for (let index = stored.length - 1; index >= 0; index--) {
    const seq = stored[index]!.seq!;
    const isHole =
      start - seq > 1 && !lost.some((one) => "last" in one && one.first <= seq + 1 && one.last >= start - 1);
    if (isHole) break;
    start = seq;
  }
  return start;
}

/** Returns the state with what is derived from `next`. */
function complete(state: ListState, next: ListState, user: string): ListState {
  const { stored, waiting, streaming } = next;
  const changes = next.changes.length === 0 ? next.changes : stillOpen(next.changes, [...stored, ...waiting]);
  const isSame =
    stored === state.stored &&
    waiting === state.waiting &&
    streaming === state.streaming &&
    changes === state.changes;
  const all = isSame ? state.entries : [...stored, ...streaming, ...waiting];
  return {
    ...next,
    changes,
    entries: isSame || changes.length === 0 ? all : all.map((entry) => foreseen(entry, changes, user)),
    hasOlder: startOf(next) > next.floor,
  };
}

/** Changes one waiting entry, or drops it. */
function replace(state: ListState, id: string, change: (entry: Entry) => Entry | undefined): ListState {
  const { waiting } = state;
  if (!waiting.some((entry) => entry.id === id)) return state;
  return {
    ...state,
    waiting: waiting.flatMap((entry) => (entry.id === id ? (change(entry) ?? []) : entry)),
  };
}

function entryOf({ id, text, data, reply_to }: PendingMessage, at: number, user: string): Entry {
  return {
    key: id,
    state: "pending",
    own: true,
    id,
    from: user,
    text,
    at,
    myReactions: [],
    ...(data && { data }),
    ...(typeof reply_to === "number" && { reply_to }),
  };
}

/** Merges messages into the stored ones, in the order of `seq`; one that is there stays, unless it was changed since. */
function merge(
  { stored, waiting, streaming, newest, early }: ListState,
  messages: readonly Message[],
  user: string,
): Partial<ListState> {
  const added = messages.map((message): Entry => {
    const entry = storedEntry(message, keyOf(message.from, message.id, user), user);
    // The answer may be older than changes that came before it.
    return early.reduce(
      (one, change) => (change.seq === one.seq ? applyChange(one, change, user) : one),
      entry,
    );
  });
  const last = stored.at(-1)?.seq ?? 0;
  const keys = new Set(added.map(({ key }) => key));
  const left = waiting.filter(({ key }) => !keys.has(key));
  const growing = streaming.filter(({ key }) => !keys.has(key));
  const first = added[0]?.seq ?? 0;
  const all = first > last ? [...stored, ...added] : mergeBySeq(stored, added);
  return {
    stored: added.length === 0 ? stored : all,
    waiting: left.length === waiting.length ? waiting : left,
    streaming: growing.length === streaming.length ? streaming : growing,
    newest: Math.max(newest, added.at(-1)?.seq ?? 0),
  };
}

function mergeBySeq(stored: readonly Entry[], added: readonly Entry[]): Entry[] {
  const all = new Map(stored.map((entry) => [entry.seq!, entry]));
  for (const entry of added) {
    const known = all.get(entry.seq!);
    if (known === undefined || (entry.rev ?? 0) > (known.rev ?? 0)) all.set(entry.seq!, entry);
  }
  return [...all.values()].sort((a, b) => a.seq! - b.seq!);
}
