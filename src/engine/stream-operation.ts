import type {
  EndContent,
  StreamAppend,
  StreamAppendResult,
  StreamCancel,
  StreamCancelResult,
  StreamEnd,
  StreamEndResult,
  StreamName,
  StreamStart,
  StreamStartResult,
  StreamWriter,
} from "../core/ports/conversation/streams.ts";

/** A request about a stream. It is carried out in the same batch as posts, so that both have one order. */
export type StreamCommand =
  | ({ readonly type: "start" } & StreamStart)
  | ({ readonly type: "append"; readonly appends: readonly StreamAppend[] } & StreamWriter)
  | ({ readonly type: "end" } & StreamEnd)
  | ({ readonly type: "cancel" } & StreamCancel)
  /** Ends streams of a user, of a conversation, or of both. */
  | { readonly type: "refuse"; readonly user: string | undefined; readonly conversation: string | undefined }
  /** Ends what is over its time. */
  | { readonly type: "sweep" }
  /** Ends a stream with what was decided about it, if it is over its time or its user may not write any more. */
  | ({ readonly type: "finish"; readonly why: "due" | "refuse"; readonly content: EndContent } & StreamName);

export type StreamResult =
  | StreamStartResult
  | StreamAppendResult
  | StreamEndResult
  | StreamCancelResult
  | { readonly outcome: "done" };

export interface StreamOperation {
  readonly kind: "stream";
  readonly request: StreamCommand;
  readonly done: (result: never) => void;
}
