// The port for streams: messages that are written while others read them. `test/contracts/streams.ts` is the contract.
import type { Quota } from "../../../protocol/server-frames.ts";
import type { SpeechRefusal } from "../../members/speech.ts";
import type {
  Busy,
  IdInUse,
  PostRequest,
  RateLimited,
  Rejected,
  Removed,
  Unavailable,
} from "../message-log.ts";

/** A stream, by its conversation and the handle that the store gave it. */
export interface StreamName {
  readonly conversation: string;
  readonly stream: string;
}

/** A stream and the writer that speaks of it. */
export interface StreamWriter extends StreamName {
  readonly generation: number;
}

/** What is not named here is as in a post. */
export interface StreamStart
  extends Pick<PostRequest, "conversation" | "user" | "epoch" | "limit" | "joins" | "exempt" | "mustExist"> {
  /** The writer's name for the stream and for its message: one namespace with the ids of messages. */
  readonly id: string;
  /** As JSON. */
  readonly data?: string;
  readonly replyTo?: number;
  /** At a takeover: drop the text. */
  readonly restart?: boolean;
}

export type StreamStartResult =
  | {
      readonly outcome: "started" | "taken_over";
      readonly stream: string;
      readonly generation: number;
      /** The newest append that is stored. */
      readonly n: number;
      readonly quota: Quota | null;
      /** The user that has asked it to stop already. */
      readonly cancelledBy?: string;
    }
  /** The message is stored already. */
  | { readonly outcome: "duplicate"; readonly seq: number; readonly at: number; readonly quota: Quota | null }
  | { readonly outcome: "too_many" }
  | IdInUse
  | RateLimited
  | Rejected
  | Busy
  | Removed
  | SpeechRefusal
  | Unavailable;

/** One append; `data` is JSON and replaces that of the draft. */
export interface StreamAppend {
  readonly n: number;
  readonly text: string;
  readonly data?: string;
}

/** Another writer has the stream, or it has ended; then `seq` is its message, if it is known. */
export interface Fenced {
  readonly outcome: "fenced";
  readonly seq?: number;
}

/** The appends do not follow the newest one that is stored, `n`. Nothing was stored. */
export interface StreamGap {
  readonly outcome: "gap";
  readonly n: number;
}

export type StreamAppendResult =
  | { readonly outcome: "stored"; readonly n: number; readonly cancelledBy?: string }
  | StreamGap
  | { readonly outcome: "too_large" }
  | Fenced
  | Unavailable;

/**
 * What becomes of a stream in place of its text: a content that was approved, with `data` as JSON, or a message without text, since
 * the whole text was rejected (AP4).
 */
export type EndContent =
  | { readonly text: string; readonly data?: string }
  | { readonly rejected: true; readonly reason?: string };

export interface StreamEnd extends StreamWriter {
  /** Appends that are not stored yet. */
  readonly appends: readonly StreamAppend[];
  /** Undefined: `done`, or `cancelled` where it was asked to stop. `interrupted`: the server ends it, since the writer was signed out. */
  readonly state: "done" | "failed" | "interrupted" | undefined;
  /** As JSON. */
  readonly data?: string;
  /** Requests an hour of the writer's plan, for the quota in the result; the end itself is not charged. */
  readonly limit: number;
  /** Its user, if the caller knows it. Engines do not need it. */
  readonly user?: string | undefined;
  /** Takes the place of what is stored, however much that is by then. */
  readonly content?: EndContent;
}

export type StreamEndResult =
  | { readonly outcome: "stored"; readonly seq: number; readonly at: number; readonly quota: Quota | null }
  /** It has become the message `seq`, without text. */
  | (Rejected & { readonly seq: number })
  | Busy
  | StreamGap
  | { readonly outcome: "too_large" }
  | Fenced
  | Unavailable;

/** A request to stop one stream, or all that answer the message `replyTo`. */
export interface StreamCancel {
  readonly conversation: string;
  readonly target: { readonly stream: string } | { readonly replyTo: number };
  readonly by: string;
  /** The user has a role that allows it for every stream (ST4). */
  readonly moderates: boolean;
  readonly discard: boolean;
}

export type StreamCancelResult =
  | { readonly outcome: "asked"; readonly streams: number }
  | { readonly outcome: "not_found" | "forbidden" }
  | Unavailable;

/** An open draft with its text. */
export interface DraftText extends StreamName {
  readonly id: string;
  readonly from: string;
  readonly generation: number;
  readonly n: number;
  readonly text: string;
  /** As JSON. */
  readonly data?: string;
  readonly replyTo?: number;
  /** When it was started, in milliseconds since 1970. */
  readonly at: number;
}

/** Appends that a writer's node shows before they are stored. */
export interface StreamAppendEvent extends StreamWriter {
  readonly type: "append";
  /** The append before the first one in `text`. */
  readonly after: number;
  readonly n: number;
  readonly text: string;
  /** As JSON. */
  readonly data?: string;
}

/** The text takes the place of what was shown: the stream was started, taken over or restarted, or more was shown than is stored. Older writers are fenced. */
export interface StreamDraftEvent {
  readonly type: "draft";
  readonly conversation: string;
  readonly draft: DraftText;
}

export type StreamEvent =
  | StreamDraftEvent
  | StreamAppendEvent
  /** The writer is to end it. */
  | ({ readonly type: "cancel"; readonly by: string } & StreamName)
  /** It has become the message `seq`; 0: it has ended without one, because its conversation or the store's last writes are gone. */
  | ({ readonly type: "ended"; readonly seq: number } & StreamName);

/** Decides what becomes of a stream that the server ends. MUST NOT reject. */
export type DecideEnd = (draft: DraftText) => Promise<EndContent>;

export type StreamListener = (event: StreamEvent) => void;

/** The open streams of all conversations. */
export interface Streams {
  /**
   * Starts a stream, or takes it over: checks the id, charges the user and records the draft, all or none. MUST NOT charge a
   * takeover or a duplicate (ST6). `done` is called as that of `MessageLog.post`, and in the same order with it.
   */
  start(request: StreamStart, done: (result: StreamStartResult) => void): void;

  /**
   * Stores appends, in the order of `n`, in one step. MUST ignore those whose `n` is stored, and MUST store none after a gap
   * or of another generation (ST2). `stored` MUST come after a crash of the process cannot lose them (ST3).
   */
  append(
    request: StreamWriter & { readonly appends: readonly StreamAppend[] },
    done: (result: StreamAppendResult) => void,
  ): void;

  /** Stores the last appends and makes the draft a message, exactly once, which is announced as messages are (ST1). */
  end(request: StreamEnd, done: (result: StreamEndResult) => void): void;

  /** Asks the writers to stop, or with `discard` ends the streams at once as messages without content (ST4). */
  cancel(request: StreamCancel): Promise<StreamCancelResult>;

  /** The lease of these writers begins again: they are connected, or were until now (ST3). Those of another generation are ignored. */
  renew(writers: readonly StreamWriter[]): Promise<void>;

  /** Ends all streams of a user who may not write in a conversation any more, or in any (`conversation` undefined), at once. */
  refuse(user: string, conversation: string | undefined): Promise<void>;

  /**
   * From now on, what ends without a word of its writer (its time is over, or its user may not write any more) is decided by `decide`,
   * and ends after that. A discarded stream has no text to decide about. Called before the engine is used.
   */
  approveEnds(decide: DecideEnd): void;

  /**
   * Returns the open drafts of a conversation with what is stored of their text. MUST NOT return one whose message is stored: a
   * reader may have that message, and nothing of the stream may come after it (ST4).
   */
  drafts(conversation: string): Promise<readonly DraftText[]>;

  /** Passes appends, or a draft, to the listeners of all nodes, those of this node in the same turn. They may be lost on the way. */
  publish(event: StreamAppendEvent | StreamDraftEvent): void;

  /**
   * Calls `listener` for what happens to streams, on every node. The event `ended` MUST come in the same turn as the message
   * on the node that ended it, and after it. Returns a function that stops it.
   */
  watch(listener: StreamListener): () => void;
}
