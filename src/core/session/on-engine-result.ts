// What becomes of requests: the engine's answers as frames, and what they say of the quota.
import type { Quota, ServerFrameOf } from "../../protocol/server-frames.ts";
import { encodeHistoryFrame } from "../conversation/entry.ts";
import type { HistoryResult, PostResult, RateLimited, Unavailable } from "../ports/message-log.ts";
import { REMOVED } from "./close-reason.ts";
import { closeSession, formatDuration, log, NO_EFFECTS, send } from "./effects.ts";
import type { Closed, Effect, Live, Session, SessionRules, Step } from "./state.ts";

/** Remaining share of a plan at which a client is told that its quota runs low. */
const QUOTA_LOW_SHARE = 0.1;

/** The engine has answered a message. */
export function onPosted(
  session: Exclude<Session, Closed>,
  id: string,
  result: PostResult,
  rules: SessionRules,
): Step {
  if (session.phase !== "live") return { session, effects: NO_EFFECTS };
  if (result.outcome === "removed") return closeSession(REMOVED);
  const effects: Effect[] = [];
  let next = settleRequest(session, rules, effects);
  if (result.outcome === "rate_limited" || result.outcome === "unavailable")
    effects.push(...errorReply(result, id));
  else {
    const { seq, at, quota } = result;
    const ack: ServerFrameOf<"ack"> = { type: "ack", id, seq, at, quota };
    effects.push(send(result.outcome === "duplicate" ? { ...ack, duplicate: true } : ack));
    next = warnIfQuotaLow(next, quota, effects);
  }
  return { session: next, effects };
}

/** The engine has answered a look into the history. */
export function onHistoryRead(
  session: Exclude<Session, Closed>,
  id: string | undefined,
  result: HistoryResult,
  rules: SessionRules,
): Step {
  if (session.phase !== "live") return { session, effects: NO_EFFECTS };
  const effects: Effect[] = [];
  let next = settleRequest(session, rules, effects);
  if (result.outcome === "read") {
    effects.push({ type: "feed", frame: encodeHistoryFrame(result, id) });
    next = { ...warnIfQuotaLow(next, result.quota, effects), reading: "sent" };
    return { session: next, effects };
  }
  effects.push(...errorReply(result, id));
  next = { ...next, reading: undefined };
  return next.held === 0 ? { session: next, effects } : releaseHeld(next, rules, effects);
}

/**
 * Gives again what was held. The socket is resumed before: what is given again may well pause it anew, and then it has to
 * stay so (B2).
 */
export function releaseHeld(session: Live, rules: SessionRules, effects: Effect[]): Step {
  const next = resumeIfDrained({ ...session, held: 0 }, rules, effects);
  effects.push({ type: "release" });
  return { session: next, effects };
}

/** What a client is told when the engine refused its request. The socket stays (Q4). */
function errorReply(result: RateLimited | Unavailable, id: string | undefined): Effect[] {
  const named = id === undefined ? {} : { id };
  if (result.outcome === "unavailable") {
    const message =
      "The store cannot be written now. Send the same message, with the same id, again in a moment.";
    return [send({ type: "error", code: "unavailable", message, ...named, retry_after: 1 })];
  }
  const { quota, retryAfter } = result;
  const message = `All ${quota.limit} requests of this hour are used; the next is accepted in ${formatDuration(retryAfter)}.`;
  return [
    log({ event: "limit.rate", retry_after: retryAfter / 1000 }),
    send({ type: "error", code: "rate_limited", message, ...named, retry_after: retryAfter / 1000, quota }),
  ];
}

function warnIfQuotaLow(session: Live, quota: Quota | null, effects: Effect[]): Live {
  const low = isQuotaLow(quota);
  if (low === session.quotaWarned) return session;
  if (low && quota !== null) {
    const message = `${quota.remaining} of ${quota.limit} requests are left in this hour.`;
    effects.push(send({ type: "warning", code: "quota_low", message }));
  }
  return { ...session, quotaWarned: low };
}

/** Whether the client should be told that its quota runs low. */
export function isQuotaLow(quota: Quota | null): boolean {
  return quota !== null && quota.remaining <= quota.limit * QUOTA_LOW_SHARE;
}

function settleRequest(session: Live, rules: SessionRules, effects: Effect[]): Live {
  return resumeIfDrained({ ...session, waiting: session.waiting - 1 }, rules, effects);
}

/** Has a paused socket read again when half of what it asked is answered, and there is room for what it would hold. */
function resumeIfDrained(session: Live, { maxWaiting }: SessionRules, effects: Effect[]): Live {
  const { paused, waiting, held } = session;
  if (!paused || waiting > maxWaiting / 2 || held >= maxWaiting) return session;
  effects.push({ type: "resume" });
  return { ...session, paused: false };
}
