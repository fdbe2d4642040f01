// What one connection may do, as a pure step: state, event, now → next state and effects.
//
//   anonymous ──token frame──▶ checking ──admitted──▶ live ──▶ closed
//       │                         │                    │
//       └──── no credential ──────┴──── refused ───────┴── inactive, flooding, too slow, lost, …
//
// Times are in milliseconds. server/socket/connection.ts carries the effects out, and decides nothing.
import type { ClientFrame } from "../protocol/client-frames.ts";
import type { CloseCode } from "../protocol/close-codes.ts";
import type { Decoded } from "../protocol/decode.ts";
import { errorEntry } from "../protocol/errors.ts";
import { MAX_FRAME_BYTES } from "../protocol/limits.ts";
import type { ServerFrameOf } from "../protocol/server-frames.ts";
import { type Bucket, fullBucket, secondsToRefill, takeFrame } from "./burst.ts";
import { endingFor } from "./closing.ts";
import type { HistoryResult, PostResult, RateLimited, Unavailable } from "./engine.ts";
import { end, inWords, NOTHING, note, send } from "./session-effects.ts";
import type {
  Anonymous,
  Closed,
  Effect,
  Live,
  Session,
  SessionEvent,
  SessionRules,
  Step,
} from "./session-state.ts";
import { active, nextPing, onTick } from "./session-time.ts";

/** Remaining share of a plan at which a client is told that its quota runs low. */
const LOW_SHARE = 0.1;

/** A socket that was just opened, with or without a credential to check. */
export function openSession(hasCredential: boolean, now: number, rules: SessionRules): Session {
  const bucket = fullBucket(rules.burst, now);
  return hasCredential
    ? { phase: "checking", since: now, held: 0, bucket }
    : { phase: "anonymous", since: now, bucket };
}

/** One step of a connection's life. `spread`, from −1 to 1, scatters the pings of sockets that opened together. */
export function step(
  session: Session,
  event: SessionEvent,
  now: number,
  rules: SessionRules,
  spread = 0,
): Step {
  if (session.phase === "closed") return { session, effects: NOTHING };
  switch (event.type) {
    case "frame":
      return onFrame(session, event.decoded, now, rules);
    case "bad_frame":
      return onBadFrame(event.code);
    case "control":
      return onControl(session, now, rules);
    case "admitted":
      return onAdmitted(session, event.welcome, now, rules, spread);
    case "refused":
      return end(
        endingFor(errorEntry(event.code).close as CloseCode, { code: event.code, message: event.message }),
      );
    case "posted":
      return onPosted(session, event.id, event.result, rules);
    case "read":
      return onRead(session, event.id, event.result, rules);
    case "tick":
      return onTick(session, event.unsent, now, rules, spread);
    case "flushed":
      return event.dropped || event.unsent > rules.maxUnsent
        ? end(endingFor(1013))
        : { session, effects: NOTHING };
    case "end":
      return end(event.ending);
    default:
      return event satisfies never;
  }
}

function onFrame(
  session: Exclude<Session, Closed>,
  decoded: Decoded,
  now: number,
  rules: SessionRules,
): Step {
  switch (session.phase) {
    case "anonymous":
      return onFirstFrame(session, decoded);
    case "checking": {
      const held = session.held + 1;
      const effects: Effect[] = [{ do: "hold" }];
      if (held === rules.maxWaiting) effects.push({ do: "pause" });
      // What a paused socket had already sent still arrives, at most one read buffer of it.
      return { session: { ...session, held }, effects };
    }
    case "live":
      return onLiveFrame(session, decoded, now, rules);
    default:
      return session satisfies never;
  }
}

function onBadFrame(code: 1003 | 1009): Step {
  if (code === 1003) return end(endingFor(code));
  const message = `The frame is longer than ${MAX_FRAME_BYTES} bytes.`;
  return end(endingFor(code, { code: "too_large", message }));
}

function onFirstFrame(session: Anonymous, decoded: Decoded): Step {
  if (decoded.frame?.type === "token") {
    return {
      session: { phase: "checking", since: session.since, held: 0, bucket: session.bucket },
      effects: [{ do: "authenticate", token: decoded.frame.token }],
    };
  }
  const message = 'The first frame of a socket opened without a token must be {"type":"token","token":"…"}.';
  return end(endingFor(4401, { code: "unauthorized", message }));
}

function onLiveFrame(session: Live, decoded: Decoded, now: number, rules: SessionRules): Step {
  const { bucket, verdict } = takeFrame(session.bucket, rules.burst, now);
  if (verdict === "close") return flooded(rules);
  const effects: Effect[] = [];
  if (verdict === "warn") effects.push(...floodWarning(bucket, rules));
  const heard: Live = { ...session, bucket, heardAt: now };
  if (decoded.fault !== undefined) {
    const { code, message, id } = decoded.fault;
    effects.push(note({ event: "frame.refused", code, message }));
    effects.push(
      send(id === undefined ? { type: "error", code, message } : { type: "error", code, message, id }),
    );
    return { session: heard, effects };
  }
  return { session: onRequest(heard, decoded.frame, now, rules, effects), effects };
}

/** Adds to `effects` what a valid frame asks for, and answers the state after it. */
function onRequest(
  session: Live,
  frame: ClientFrame,
  now: number,
  rules: SessionRules,
  effects: Effect[],
): Live {
  switch (frame.type) {
    case "ping":
      effects.push(send(frame.id === undefined ? { type: "pong" } : { type: "pong", id: frame.id }));
      return session;
    case "activity":
      return active(session, now);
    case "message":
      effects.push({ do: "post", frame });
      return asked(active(session, now), rules, effects);
    case "history":
      effects.push({ do: "read", frame });
      return asked(active(session, now), rules, effects);
    case "token":
      effects.push(notYet(frame.type));
      return session;
    case "typing":
    case "read":
      // Somebody is there, whatever becomes of what they did (I1).
      effects.push(notYet(frame.type));
      return active(session, now);
    default:
      return frame satisfies never;
  }
}

function notYet(type: ClientFrame["type"]): Effect {
  const message = `Frames of type "${type}" are part of the protocol, but this server does not answer them yet.`;
  return send({ type: "error", code: "unknown_type", message });
}

function asked(session: Live, rules: SessionRules, effects: Effect[]): Live {
  const waiting = session.waiting + 1;
  if (waiting < rules.maxWaiting || session.paused) return { ...session, waiting };
  effects.push({ do: "pause" });
  return { ...session, waiting, paused: true };
}

function answered(session: Live, rules: SessionRules, effects: Effect[]): Live {
  const waiting = session.waiting - 1;
  if (!session.paused || waiting > rules.maxWaiting / 2) return { ...session, waiting };
  effects.push({ do: "resume" });
  return { ...session, waiting, paused: false };
}

function onControl(session: Exclude<Session, Closed>, now: number, rules: SessionRules): Step {
  const { bucket, verdict } = takeFrame(session.bucket, rules.burst, now);
  if (verdict === "close") return flooded(rules);
  // Nothing comes before the welcome but an end, so who floods that early is not warned.
  if (session.phase !== "live") return { session: { ...session, bucket }, effects: NOTHING };
  const effects = verdict === "warn" ? floodWarning(bucket, rules) : NOTHING;
  return { session: { ...session, bucket, heardAt: now }, effects };
}

function onAdmitted(
  session: Exclude<Session, Closed>,
  welcome: ServerFrameOf<"welcome">,
  now: number,
  rules: SessionRules,
  spread: number,
): Step {
  if (session.phase !== "checking") return { session, effects: NOTHING };
  const effects: Effect[] = [send(welcome)];
  // Before what was held is given again: that may well pause the socket anew, and then it has to stay so (B2).
  if (session.held >= rules.maxWaiting) effects.push({ do: "resume" });
  effects.push({ do: "release" });
  return {
    session: {
      phase: "live",
      activeAt: now,
      warned: false,
      waiting: 0,
      paused: false,
      bucket: session.bucket,
      heardAt: now,
      pingDue: nextPing(now, rules, spread),
      pingedAt: 0,
      lowTold: isLow(welcome.quota),
    },
    effects,
  };
}

function onPosted(
  session: Exclude<Session, Closed>,
  id: string,
  result: PostResult,
  rules: SessionRules,
): Step {
  if (session.phase !== "live") return { session, effects: NOTHING };
  const effects: Effect[] = [];
  let next = answered(session, rules, effects);
  if (result.outcome === "rate_limited" || result.outcome === "unavailable")
    effects.push(...refusal(result, id));
  else {
    const { seq, at, quota } = result;
    const ack: ServerFrameOf<"ack"> = { type: "ack", id, seq, at, quota };
    effects.push(send(result.outcome === "duplicate" ? { ...ack, duplicate: true } : ack));
    next = quotaTold(next, quota, effects);
  }
  return { session: next, effects };
}

function onRead(
  session: Exclude<Session, Closed>,
  id: string | undefined,
  result: HistoryResult,
  rules: SessionRules,
): Step {
  if (session.phase !== "live") return { session, effects: NOTHING };
  const effects: Effect[] = [];
  let next = answered(session, rules, effects);
  if (result.outcome === "read") {
    const { messages, more, quota } = result;
    const frame: ServerFrameOf<"history"> = { type: "history", messages: [...messages], more, quota };
    effects.push(send(id === undefined ? frame : { ...frame, id }));
    next = quotaTold(next, quota, effects);
  } else effects.push(...refusal(result, id));
  return { session: next, effects };
}

/** What a client is told when the engine refused its request. The socket stays (Q4). */
function refusal(result: RateLimited | Unavailable, id: string | undefined): Effect[] {
  const named = id === undefined ? {} : { id };
  if (result.outcome === "unavailable") {
    const message =
      "The store cannot be written now. Send the same message, with the same id, again in a moment.";
    return [send({ type: "error", code: "unavailable", message, ...named, retry_after: 1 })];
  }
  const { quota, retryAfter } = result;
  const message = `All ${quota.limit} requests of this hour are used; the next is accepted in ${inWords(retryAfter)}.`;
  return [
    note({ event: "limit.rate", retryAfter }),
    send({ type: "error", code: "rate_limited", message, ...named, retry_after: retryAfter / 1000, quota }),
  ];
}

function quotaTold(session: Live, quota: { limit: number; remaining: number }, effects: Effect[]): Live {
  const low = isLow(quota);
  if (low === session.lowTold) return session;
  if (low) {
    const message = `${quota.remaining} of ${quota.limit} requests are left in this hour.`;
    effects.push(send({ type: "warning", code: "quota_low", message }));
  }
  return { ...session, lowTold: low };
}

function isLow(quota: { limit: number; remaining: number }): boolean {
  return quota.limit > 0 && quota.remaining <= quota.limit * LOW_SHARE;
}

function floodWarning(bucket: Bucket, rules: SessionRules): Effect[] {
  const message = `Frames come faster than ${rules.burst.rate} a second; slow down, or the connection is closed.`;
  return [
    note({ event: "limit.flooding" }),
    send({ type: "warning", code: "flooding", message, seconds: secondsToRefill(bucket, rules.burst) }),
  ];
}

function flooded(rules: SessionRules): Step {
  const message = `Frames came faster than ${rules.burst.rate} a second in spite of warnings.`;
  return end(endingFor(4429, { code: "flooding", message }));
}
