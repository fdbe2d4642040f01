// The frames that reply to requests of a conversation, made from the results of the store.

import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import { encodeHistoryFrame } from "../conversation/entry.ts";
import { closeForRefusal, describeRefusal, type MemberRefusal } from "../members/refusals.ts";
import type { RateLimited, Unavailable } from "../ports/message-log.ts";
import { closeForRemoval } from "./close-reason.ts";
import { log, send } from "./effects.ts";
import {
  type HistoryOutcome,
  type Membership,
  type MembershipEffect,
  type MembershipStep,
  type Open,
  openMembership,
  type PostedEvent,
} from "./membership-state.ts";
import type { RequestReply } from "./request-reply.ts";
import { rateLimitedFrame, unavailableFrame } from "./store-refusals.ts";

/** The report of a result without a quota. */
const ANSWERED: MembershipEffect = { type: "answered", quota: undefined };

// A membership that has ended sends no reply, but the connection must still count the result.
const ONLY_ANSWERED: readonly MembershipEffect[] = [ANSWERED];

/** The step for the store's result of a message. */
export function onPosted(
  membership: Membership,
  { id, conversation, result }: Pick<PostedEvent, "id" | "conversation" | "result">,
): MembershipStep {
  if (membership.phase === "joining" || membership.phase === "left")
    return { membership, effects: ONLY_ANSWERED };
  switch (result.outcome) {
    case "removed":
      return { membership, effects: [ANSWERED, { type: "end", ending: closeForRemoval(conversation) }] };
    case "forbidden":
    case "banned":
      // The watch of members ends the membership on this node as well; the post may come first.
      return {
        membership,
        effects: [ANSWERED, { type: "end", ending: closeForRefusal(describeRefusal(result)) }],
      };
    case "muted":
    case "id_in_use":
    case "rejected":
    case "busy":
      return { membership, effects: [...refusedReply(describeRefusal(result), id), ANSWERED] };
    case "rate_limited":
    case "unavailable":
      return { membership, effects: [...errorReply(result, id), ANSWERED] };
    case "stored":
    case "duplicate": {
      const { seq, at, quota } = result;
      const ack: ServerFrameOf<"ack"> = { type: "ack", id, seq, at, quota };
      return {
        membership,
        effects: [
          send(result.outcome === "duplicate" ? { ...ack, duplicate: true } : ack),
          { type: "answered", quota },
        ],
      };
    }
    default:
      return result satisfies never;
  }
}

/** The step for the store's result of a `history` request. */
export function onHistoryRead(
  membership: Membership,
  id: string | undefined,
  result: HistoryOutcome,
): MembershipStep {
  if (membership.phase !== "open") return { membership, effects: ONLY_ANSWERED };
  if (result.outcome === "refused")
    return finishReading(membership, [...refusedReply(result.refusal, id), ANSWERED]);
  if (result.outcome !== "read") return finishReading(membership, [...errorReply(result, id), ANSWERED]);
  return {
    membership: { ...membership, reading: "sent" },
    effects: [
      { type: "feed", frame: encodeHistoryFrame(result, id) },
      { type: "answered", quota: result.quota },
    ],
  };
}

/** The step for the reply to a change, to `stream_start` or to `stream_end`. */
export function onReplied(membership: Membership, { frame, quota, ending }: RequestReply): MembershipStep {
  const answered: MembershipEffect = { type: "answered", quota };
  if (membership.phase === "joining" || membership.phase === "left")
    return { membership, effects: ONLY_ANSWERED };
  if (ending !== undefined) return { membership, effects: [answered, { type: "end", ending }] };
  if (frame?.type !== "error")
    return { membership, effects: frame === undefined ? [answered] : [send(frame), answered] };
  return { membership, effects: [noteOf(frame), send(frame), answered] };
}

/** The event of a refusal; one over the plan has that of a message over the plan. */
function noteOf({ code, message: reason, retry_after = 0 }: ServerFrameOf<"error">): MembershipEffect {
  return code === "rate_limited"
    ? log({ event: "limit.rate", retry_after })
    : log({ event: "frame.refused", code, reason });
}

/** Ends the current `history` request. Requests that were held because of it are released after `effects`. */
export function finishReading(membership: Open, effects: readonly MembershipEffect[]): MembershipStep {
  return {
    membership: openMembership(membership.writeRefusal),
    effects: membership.held === 0 ? effects : [...effects, { type: "release" }],
  };
}

/** An `error` frame without `retry_after`: the same request will not be accepted by itself. */
function refusedReply(refusal: MemberRefusal, id: string | undefined): MembershipEffect[] {
  return [
    log({ event: "frame.refused", code: refusal.code, reason: refusal.message }),
    send({ type: "error", ...refusal, ...(id !== undefined && { id }) }),
  ];
}

/** The `error` frame for a request that was not carried out. The socket stays open (Q4). */
function errorReply(result: RateLimited | Unavailable, id: string | undefined): MembershipEffect[] {
  const named = id === undefined ? {} : { id };
  if (result.outcome === "unavailable") return [send(unavailableFrame(named, result))];
  return [
    log({ event: "limit.rate", retry_after: result.retryAfter / 1000 }),
    send(rateLimitedFrame(result, id)),
  ];
}
