import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { HistoryPage } from "../history-page.ts";
import type { AnyData, Message } from "../message.ts";
import type {
  Change,
  ConversationFacts,
  MemberChange,
  Opened,
  PresenceCount,
  SentFrame,
} from "../types/frames.ts";
import type { Pending } from "../types/options.ts";
import type { Readable } from "../values/readable.ts";
import type { ConversationStatus } from "./opening.ts";
import type { Lost, Place } from "./sequencer.ts";

/** Confirms that a message or a change is stored: `seq` and time, and of a change its `rev`; without one it changed nothing. */
export type Ack = Omit<ServerFrameOf<"ack">, "type" | "id"> & { readonly id: string };

/** A message that is being sent; its `id` is known at once, to show the message before it is acked. */
export type PendingSend = Promise<Ack> & { readonly id: string };

/** A message: its `seq`, or an entry, also one that has no `seq` yet. */
export type Target =
  | number
  | { readonly seq?: number | undefined; readonly from: string; readonly id: string };

/** The streams to stop: one entry that is being written, or all that answer a message. */
export type CancelTarget = Target | { readonly reply_to: Target } | { readonly streamId: string };

export interface SendOptions<Data extends object = AnyData> {
  /** Anything else that belongs to the message; a JSON object. */
  readonly data?: Data | undefined;
  /** The message that this one answers. */
  readonly reply_to?: Target | undefined;
  /** The message's id, 1–64 printable ASCII characters; generated if not given. */
  readonly id?: string | undefined;
  /** Cancels the message if it was not sent yet; otherwise only stops waiting for its ack. */
  readonly signal?: AbortSignal | undefined;
}

export interface HistoryOptions {
  /** Returns the newest messages with a smaller `seq`. */
  readonly before?: number;
  /** Returns the oldest messages with a larger `seq`; not together with `before`. */
  readonly after?: number;
  /** Returns the message with this `seq` and those next to it; alone. Then `more` says whether there are older ones. */
  readonly around?: number;
  /** The epoch that the numbers belong to: where the conversation has another one, it rejects with `conflict`. */
  readonly epoch?: string;
  /** Most messages to return, up to 200; default 50. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export type Presence = Omit<ServerFrameOf<"presence">, "type">;
export type Typing = Omit<ServerFrameOf<"typing">, "type">;
export type ReadMark = Omit<ServerFrameOf<"read">, "type">;

/** What `edit` replaces; a field that is not named stays. */
export interface EditFields<Data extends object = AnyData> {
  readonly text?: string | undefined;
  /** `null` drops it. */
  readonly data?: Data | null | undefined;
  /** Refuse the edit as `conflict` unless this is the `rev` in `edited` of the message; 0: it was never edited. */
  readonly if_rev?: number | undefined;
}

/** The events of a conversation, by name. */
export interface ConversationEvents<Data extends object = AnyData> {
  /** A message, each once and in order, including this user's own. */
  message: Message<Data>;
  /** A message was edited, erased or reacted to, in the order of `rev`: copy `set` over its fields (docs/protocol/CHANGES.md). */
  change: Change;
  /** A user joined or left, as the line says it; `watchPresence` has the whole list. */
  presence: Presence;
  typing: Typing;
  read: ReadMark;
  /** Messages that this client will never receive. */
  lost: Lost;
}

/**
 * One conversation of a user: its messages in order and each once, and this user's messages.
 *
 * It is open while a `for await` runs over it, while `on` has a listener, while `watchMessages` or `watchPresence` has a
 * subscriber, and one second longer. A `for await` yields new messages; it ends after `parley.close()`, throws when the server
 * refuses the conversation for good, and waits while the line is closed for inactivity.
 */
export interface Conversation<Data extends object = AnyData> extends AsyncIterable<Message<Data>> {
  readonly id: string;
  readonly status: Readable<ConversationStatus>;
  /** What the server said about the conversation when it was opened, and since; undefined before. */
  readonly facts: Readable<ConversationFacts | undefined>;
  /** The place of the last delivered message. Keep it, and give it back as `conversation(id, { after })` to continue there. */
  readonly place: Place | undefined;
  /**
   * Sends `text`, which may be empty if `data` is given. The message is sent again with the same `id`, over reconnects, until it is acked.
   *
   * Rejects with a `ParleyError`: the server's refusal (`invalid`, `forbidden`, `muted` …), `outbox_full`, or
   * `closed`, after which the message may or may not be stored: sending it again with the same `id` is safe.
   */
  send(text: string, options?: SendOptions<Data>): PendingSend;
  /**
   * Changes an own message. As `erase` and `react` it waits with the messages of this conversation, is sent again until it is acked,
   * and rejects as `send` does: with `erased`, `too_late`, `muted`, `conflict` … of which none holds up what waits behind it. With
   * `conflict` also where the conversation has a new epoch since: `seq` is another message there.
   */
  edit(target: Target, fields: EditFields<Data>): Promise<Ack>;
  /** Takes the content out of an own message; a moderator, out of any. */
  erase(target: Target, reason?: string): Promise<Ack>;
  /** Adds a reaction to a message, or takes it back. */
  react(target: Target, reaction: string, on?: boolean): Promise<Ack>;
  /**
   * Asks the writer of a stream to stop: of an entry that is `streaming`, or of all streams that answer a message. Resolves when
   * the request is sent; rejects while the line is down. A refusal by the server is an event `error` of the line.
   */
  cancel(target: CancelTarget): Promise<void>;
  /** Notifies the others that the user types, or stopped typing. Call it at every key press: frames are throttled. */
  typing(active?: boolean): void;
  /** Marks everything up to `seq`, or all that was delivered, as read. The mark only moves forward; it is sent again if it got lost. */
  read(seq?: number): void;
  /** Reads stored messages; without `before`, `after` and `around`, the newest. Costs a request of the plan. */
  history(range?: HistoryOptions): Promise<HistoryPage<Data>>;
  /** Reads one message. Costs a request of the plan. */
  message(seq: number): Promise<Message<Data>>;
  /** Changes the facts; a field that is not named stays, `null` drops one. */
  update(fields: {
    readonly access?: ConversationFacts["access"];
    readonly title?: string | null;
    readonly data?: object | null;
  }): Promise<ConversationFacts>;
  /** Removes the conversation for everybody in it. */
  remove(): Promise<void>;
  /** Calls `listener` at each `event`. Returns a function that unsubscribes. */
  on<E extends keyof ConversationEvents<Data>>(
    event: E,
    listener: (event: ConversationEvents<Data>[E]) => void,
  ): () => void;
}

/** Events for the functions that keep a list; a listener for one does not open the conversation. */
export interface InternalEvents extends ConversationEvents {
  /** `hasPage`: the first page follows. */
  opened: Opened & { readonly hasPage: boolean };
  /** The first page, which `last` asked for. */
  page: HistoryPage;
  presence_count: PresenceCount;
  /** The conversation is not received now: the line is down, or the conversation is not open. */
  down: undefined;
  /** The socket closed, also while the conversation is not open. */
  cut: undefined;
  stream: ServerFrameOf<"stream">;
  stream_append: ServerFrameOf<"stream_append">;
  /** The pending messages changed. */
  pending: undefined;
  /** A message or a change of this user was acked, or failed. */
  acked: Ack;
  failed: { readonly message: Pending; readonly error: unknown };
  /** This user's own read mark. */
  marked: number;
  member: MemberChange;
}

/** The key under which the functions that keep a list find the inner side of a conversation. */
export const INNER = Symbol();

/** The inner side of a conversation. */
export interface InnerConversation {
  user(): string | undefined;
  listen<E extends keyof InternalEvents>(event: E, listener: (event: InternalEvents[E]) => void): () => void;
  /** Keeps the conversation open until the returned function is called, and one second longer. `last`: also reads the newest messages. */
  use(last?: number): () => void;
  pending(): readonly Pending[];
  /** The oldest `seq` of each list: changes of older messages are not wanted. */
  readonly oldest: (() => number | undefined)[];
  /** Cancels a pending message or change. */
  cancel(id: string): void;
  isOpen(): boolean;
  request<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Sends a frame about this conversation until its reply comes, over reconnects. */
  start<T>(frame: SentFrame & { readonly id: string }): Promise<T>;
  /** Sends a frame about this conversation, if the line is connected. */
  send(frame: SentFrame): void;
  /** The writers of streams, by id and by handle. Each returns false for a frame that is not for a writer. */
  readonly writers: Map<unknown, (frame: { readonly type: string }) => boolean>;
  /** Runs `task` after `milliseconds`, unless the returned function is called. */
  after(milliseconds: number, task: () => void): () => void;
  /** Objects of the `watch…` functions, by name and arguments. */
  readonly cache: Map<string, unknown>;
}

/** Returns how a frame names a message: an own one without a `seq` by its id, which its ack replaces before the frame is sent. */
export const targetOf = (target: Target): number | string =>
  typeof target === "object" ? (target.seq ?? target.id) : target;

/** Returns the inner side of a conversation. */
export function innerOf(conversation: object): InnerConversation {
  return (conversation as { [INNER]: InnerConversation })[INNER];
}
