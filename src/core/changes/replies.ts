// What a request to change a message is answered, over sockets and over HTTP.
import type { ClientFrameOf } from "../../protocol/client-frames.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { MAX_FRAME_BYTES, MAX_REACTIONS, MAX_REACTIONS_PER_USER } from "../../protocol/limits.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import { closeForRefusal, describeRefusal, OTHER_EPOCH } from "../members/refusals.ts";
import type { ChangeResult } from "../ports/conversation/changes.ts";
import { closeForRemoval } from "../session/close-reason.ts";
import type { RequestReply } from "../session/request-reply.ts";
import { rateLimitedFrame, unavailableFrame } from "../session/store-refusals.ts";
import type { Change } from "./decide-change.ts";

/** A frame that changes a message. */
export type ChangeRequestFrame = ClientFrameOf<"edit" | "erase" | "react">;

/** A change that is not made, for a reason that ends neither the connection nor the conversation. */
type Refused = Exclude<
  ChangeResult,
  { readonly outcome: "changed" | "duplicate" | "removed" | "unavailable" | "rate_limited" }
>;

/** Why a change is not made; the names are those of the `error` frame and of a problem document. */
export interface ChangeRefusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly rev?: number;
  readonly epoch?: string;
  readonly until?: number;
  readonly reason?: string;
  readonly retry_after?: number;
}

/** Returns what a frame asks for. */
export function changeOf(frame: ChangeRequestFrame): Change {
  switch (frame.type) {
    case "edit": {
      const { text, data, if_rev: ifRev } = frame;
      return {
        kind: "edit",
        ...(text !== undefined && { text }),
        ...(data !== undefined && { data: data === null ? null : JSON.stringify(data) }),
        ...(ifRev !== undefined && { ifRev }),
      };
    }
    case "erase":
      return { kind: "erase", ...(frame.reason !== undefined && { reason: frame.reason }) };
    case "react":
      return { kind: "react", reaction: frame.reaction, on: frame.on };
    default:
      return frame satisfies never;
  }
}

/** Returns the reply to a frame that changes a message of a conversation. */
export function changeReply(
  conversation: string,
  { id }: Pick<ChangeRequestFrame, "id">,
  result: ChangeResult,
): RequestReply {
  const named = id === undefined ? {} : { id };
  switch (result.outcome) {
    case "changed":
    case "duplicate": {
      const { seq, at, rev, quota } = result;
      const frame: ServerFrameOf<"ack"> = {
        ...{ type: "ack", ...named, seq, at },
        ...(rev !== undefined && { rev }),
        ...(result.outcome === "duplicate" && { duplicate: true }),
        quota,
      };
      return { frame, quota, ...named };
    }
    case "removed":
      return { frame: undefined, quota: undefined, ending: closeForRemoval(conversation), ...named };
    case "forbidden":
    case "banned": {
      // The watch of members ends the membership on this node as well; the change may come first.
      const ending = closeForRefusal(describeRefusal(result));
      return { frame: undefined, quota: undefined, ending, ...named };
    }
    case "rate_limited":
      return { frame: rateLimitedFrame(result, id), quota: undefined, ...named };
    case "unavailable":
      return { frame: unavailableFrame(named, result), quota: undefined, ...named };
    default:
      return { frame: { type: "error", ...refusalOf(result), ...named }, quota: undefined, ...named };
  }
}

/** Returns why a change is not made, and what the sender can do. */
export function refusalOf(result: Refused): ChangeRefusal {
  switch (result.outcome) {
    case "forbidden":
    case "banned":
    case "muted":
    case "rejected":
    case "busy":
      return describeRefusal(result);
    case "conflict": {
      const message =
        result.rev === 0
          ? "The message was never edited: `if_rev` must be 0."
          : `The message was edited since: its newest edit has the \`rev\` ${result.rev}. Read it again, and decide again.`;
      return { code: "conflict", message, rev: result.rev };
    }
    case "other_epoch":
      return { code: "conflict", message: OTHER_EPOCH, epoch: result.epoch };
    case "id_in_use":
      return {
        code: "conflict",
        message: "This `id` names something else that you have sent to this conversation. Use another one.",
      };
    case "not_found":
      return {
        code: "not_found",
        message: "The conversation has no message with this `seq`, or does not keep it any more.",
      };
    case "erased":
      return { code: "erased", message: "The message was erased. It cannot be changed any more." };
    case "too_late":
      return {
        code: "too_late",
        message: "The message is too old to be changed by its own user. A moderator can erase it.",
      };
    case "not_own":
      return {
        code: "forbidden",
        message: "Only its own user may edit a message, and only that user and moderators may erase it.",
      };
    case "empty":
      return {
        code: "invalid",
        message: "The message would have neither text nor `data`. Erase it, or leave one of them.",
      };
    case "too_large":
      return {
        code: "too_large",
        message: `With this edit the message would be longer than ${MAX_FRAME_BYTES} bytes. Make it shorter.`,
      };
    case "too_many_reactions":
      return {
        code: "invalid",
        message: `\`reaction\`: a message has at most ${MAX_REACTIONS} different ones, of which ${MAX_REACTIONS_PER_USER} are of one user. Take one back first.`,
      };
    default:
      return result satisfies never;
  }
}
