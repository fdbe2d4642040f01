// The frames that reply to the requests of a stream's writer and of those who ask it to stop.
import type { ClientFrameOf } from "../../protocol/client-frames.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import { describeRefusal } from "../members/refusals.ts";
import type {
  Fenced,
  StreamAppendResult,
  StreamCancelResult,
  StreamEndResult,
  StreamGap,
  StreamStartResult,
} from "../ports/conversation/streams.ts";
import type { Busy, Unavailable } from "../ports/message-log.ts";
import { closeForRemoval } from "../session/close-reason.ts";
import type { RequestReply } from "../session/request-reply.ts";
import { rateLimitedFrame, unavailableFrame } from "../session/store-refusals.ts";

/** A frame about a stream. */
export type StreamRequestFrame = ClientFrameOf<
  "stream_start" | "stream_append" | "stream_end" | "stream_cancel"
>;

type RejectedEnd = Extract<StreamEndResult, { outcome: "rejected" }>;

export type ErrorFrame = ServerFrameOf<"error">;
type Named = Pick<ErrorFrame, "id" | "stream">;

/** The reply to `stream_start`. */
export function startReply(conversation: string, id: string, result: StreamStartResult): RequestReply {
  switch (result.outcome) {
    case "started":
    case "taken_over": {
      const { stream, n, quota } = result;
      return { frame: { type: "stream_started", id, stream, n, quota }, quota };
    }
    case "duplicate": {
      const { seq, at, quota } = result;
      return { frame: { type: "ack", id, seq, at, duplicate: true, quota }, quota };
    }
    case "too_many":
      return refuse("too_many_streams", "As many of your streams are open as may be; end one first.", { id });
    case "rate_limited":
      return { frame: rateLimitedFrame(result, id), quota: undefined };
    case "unavailable":
      return unavailable({ id }, result);
    case "removed":
      return { frame: undefined, quota: undefined, ending: closeForRemoval(conversation) };
    case "forbidden":
    case "banned":
    case "muted":
    case "id_in_use":
    case "rejected":
    case "busy":
      return { frame: { type: "error", ...describeRefusal(result), id }, quota: undefined };
    default:
      return result satisfies never;
  }
}

/** The reply to a `stream_start` that names another epoch than the conversation has. */
export function otherEpochReply(id: string, epoch: string): RequestReply {
  return refuse("conflict", `The conversation has another epoch: \`${epoch}\`. Open it again.`, { id });
}

/** The reply to `stream_end`. */
export function endReply(stream: string, id: string, result: StreamEndResult): RequestReply {
  if (result.outcome === "unavailable") return unavailable({ stream }, result);
  if (result.outcome !== "stored") {
    const frame = writeError(stream, result);
    return { frame: result.outcome === "rejected" ? { ...frame, id } : frame, quota: undefined };
  }
  const { seq, at, quota } = result;
  return { frame: { type: "ack", id, seq, at, quota }, quota };
}

/** The error for appends that were not stored; undefined for a result that the writer need not know. */
export function appendError(stream: string, result: StreamAppendResult): ErrorFrame | undefined {
  if (result.outcome === "stored" || result.outcome === "unavailable") return undefined;
  return writeError(stream, result);
}

/** The error for a request to write to the stream of another user. */
export function foreignStreamError(stream: string): ErrorFrame {
  return { type: "error", code: "forbidden", message: "Only its writer may write to a stream.", stream };
}

/** The error for a frame about a stream that the connection does not write. */
export function fencedError(stream: string, seq?: number): ErrorFrame {
  const message = "Another writer has taken this stream over, or it has ended.";
  return { type: "error", code: "fenced", message, stream, ...(seq !== undefined && seq > 0 && { seq }) };
}

/** The error for an append that does not follow the append `n`. */
export function gapError(stream: string, n: number): ErrorFrame {
  const message = `The next append has \`n\` ${n + 1}.`;
  return { type: "error", code: "conflict", message, stream, n };
}

/** The error for an append that makes a stream longer than streams may be; the draft stays. */
export function tooLargeError(stream: string): ErrorFrame {
  const message = "The stream is as long as streams may be: end it. What was stored of it stays.";
  return { type: "error", code: "too_large", message, stream };
}

/** What a request to stop names. */
export type CancelTarget = Pick<ClientFrameOf<"stream_cancel">, "stream" | "reply_to" | "discard">;

/** The error for a request to stop; undefined where it was carried out. */
export function cancelError(
  { stream, reply_to }: CancelTarget,
  result: StreamCancelResult,
): ErrorFrame | undefined {
  const named = stream !== undefined && { stream };
  switch (result.outcome) {
    case "asked":
      return undefined;
    case "unavailable":
      return unavailableFrame({ ...named });
    case "not_found": {
      const message =
        reply_to === undefined
          ? "There is no open stream of this name."
          : `The conversation has no message ${reply_to}, or does not keep it any more.`;
      return { type: "error", code: "not_found", message, ...named };
    }
    case "forbidden": {
      const what = reply_to === undefined ? "this stream" : "the answers to this message";
      const message = `Only the writer, the user whose message is answered and moderators may stop ${what}.`;
      return { type: "error", code: "forbidden", message, ...named };
    }
    default:
      return result satisfies never;
  }
}

/** The error for what a writer has sent. */
export function writeError(
  stream: string,
  result: StreamGap | Fenced | RejectedEnd | Busy | { readonly outcome: "too_large" },
): ErrorFrame {
  switch (result.outcome) {
    case "rejected":
      return { type: "error", ...describeRefusal(result), stream, seq: result.seq };
    case "busy":
      return { type: "error", ...describeRefusal(result), stream };
    case "fenced":
      return fencedError(stream, result.seq);
    case "gap":
      return gapError(stream, result.n);
    case "too_large":
      return tooLargeError(stream);
    default:
      return result satisfies never;
  }
}

function refuse(code: ErrorFrame["code"], message: string, named: Named): RequestReply {
  return { frame: { type: "error", code, message, ...named }, quota: undefined };
}

function unavailable(named: Named, result: Unavailable): RequestReply {
  return { frame: unavailableFrame(named, result), quota: undefined };
}
