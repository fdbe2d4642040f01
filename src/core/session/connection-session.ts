// The rules of one connection, as a pure step: state, event, now → next state and effects.
//
//   anonymous ──token frame──▶ checking ──admitted──▶ live ──▶ closed
//       │                         │                    │
//       └──── no credential ──────┴──── refused ───────┴── inactive, flooding, too slow, lost, …
//
// The rules of its conversation (position, catching up, rights of the user) are the step of membership.ts.
// Times are in milliseconds. server/socket/connection.ts carries the effects out, and decides nothing.
import type { ClientFrame } from "../../protocol/client-frames.ts";
import type { DecodeError, DecodeResult } from "../../protocol/decode.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import type { Quota } from "../../protocol/server-frames.ts";
import { APPEND_BURST } from "../streams/writing.ts";
import { closeConnection } from "./close-connection.ts";
import { closeReason, closeReasonForError } from "./close-reason.ts";
import type {
  Anonymous,
  Closed,
  ConnectionEffect,
  ConnectionEvent,
  ConnectionSession,
  ConnectionStep,
  Live,
  SessionRules,
  TokenTerm,
} from "./connection-state.ts";
import { log, NO_EFFECTS, send } from "./effects.ts";
import {
  type BurstRule,
  consumeFrame,
  fullBucket,
  secondsToRefill,
  type TokenBucket,
} from "./flood-guard.ts";
import type { RequestFrame, RequestOutcome } from "./membership-state.ts";
import { expiryWarningAt, nextPing, onClockStepped, onTick, progressTimeout } from "./timeouts.ts";

/** The share of the quota at or below which a client is warned that its quota runs low. */
const QUOTA_LOW_SHARE = 0.1;

// Shared by all frames that are passed to a conversation.
const PASS: ConnectionEffect = { type: "pass" };
const PASS_ONLY: readonly ConnectionEffect[] = [PASS];
const PASS_AND_PAUSE: readonly ConnectionEffect[] = [PASS, { type: "pause" }];
const RESUME_ONLY: readonly ConnectionEffect[] = [{ type: "resume" }];

/** Returns the state of a socket that was just opened, with or without a credential to check. */
export function openConnection(hasCredential: boolean, now: number, rules: SessionRules): ConnectionSession {
  const bucket = fullBucket(rules.burst, now);
  return hasCredential
    ? { phase: "checking", since: now, held: 0, bucket }
    : { phase: "anonymous", since: now, bucket };
}

/** One step of a connection. `jitter`, from −1 to 1, scatters the pings of sockets that opened together. */
export function stepConnection(
  session: ConnectionSession,
  event: ConnectionEvent,
  now: number,
  rules: SessionRules,
  jitter = 0,
): ConnectionStep {
  if (session.phase === "closed") return { session, effects: NO_EFFECTS };
  switch (event.type) {
    case "frame":
      return onFrame(session, event, now, rules);
    case "bad_frame":
      return onBadFrame(event.code);
    case "control":
      return onControl(session, now, rules);
    case "admitted":
      return onAdmitted(session, event, now, rules, jitter);
    case "refused":
      return closeConnection(closeReasonForError(event.code, event.message));
    case "answered":
      return onAnswered(session, event.quota, rules);
    case "released":
      return onReleased(session, rules);
    case "catching_up":
      return session.phase === "live"
        ? { session: { ...session, catchingUpSince: now }, effects: NO_EFFECTS }
        : { session, effects: NO_EFFECTS };
    case "kept_awake":
      return session.phase === "live"
        ? { session: { ...session, activeAt: now, inactivityWarned: false }, effects: NO_EFFECTS }
        : { session, effects: NO_EFFECTS };
    case "caught_up":
      return onCaughtUp(session, now, rules);
    case "progress":
      return onProgress(session, now);
    case "renewed":
      return onRenewed(session, event.term, now);
    case "renewal_refused":
      return onRenewalRefused(session, event.code, event.message);
    case "clock_stepped":
      return onClockStepped(session, event.by, now);
    case "tick":
      return onTick(session, event.unsent, now, rules, jitter);
    case "flushed":
      return event.dropped || event.unsent > rules.maxUnsent
        ? closeConnection(closeReason(1013))
        : { session, effects: NO_EFFECTS };
    case "end":
      return closeConnection(event.ending);
    default:
      return event satisfies never;
  }
}

type FrameEvent = Extract<ConnectionEvent, { type: "frame" }>;

/** The state that a step is about to return. No other code refers to it yet, so the step changes it in place: one copy a frame. */
type LiveDraft = { -readonly [Field in keyof Live]: Live[Field] };

function onFrame(
  session: Exclude<ConnectionSession, Closed>,
  event: FrameEvent,
  now: number,
  rules: SessionRules,
): ConnectionStep {
  switch (session.phase) {
    case "anonymous":
      return onFirstFrame(session, event.decoded);
    case "checking": {
      const held = session.held + 1;
      const effects: ConnectionEffect[] = [{ type: "hold" }];
      if (held === rules.maxWaiting) effects.push({ type: "pause" });
      // Frames that a paused socket has already received still arrive, at most one read buffer.
      return { session: { ...session, held }, effects };
    }
    case "live":
      return onLiveFrame(session, event, now, rules);
    default:
      return session satisfies never;
  }
}

function onBadFrame(code: 1003 | 1009): ConnectionStep {
  if (code === 1003) return closeConnection(closeReason(code));
  const message = `The frame is longer than ${MAX_FRAME_BYTES} bytes.`;
  return closeConnection(closeReason(code, { code: "too_large", message }));
}

function onFirstFrame(session: Anonymous, decoded: DecodeResult): ConnectionStep {
  if (decoded.frame?.type === "token") {
    return {
      session: { phase: "checking", since: session.since, held: 0, bucket: session.bucket },
      effects: [{ type: "authenticate", token: decoded.frame.token }],
    };
  }
  const message = 'The first frame of a socket opened without a token must be {"type":"token","token":"…"}.';
  return closeConnection(closeReason(4401, { code: "unauthorized", message }));
}

function onLiveFrame(
  session: Live,
  { decoded, request, counted }: FrameEvent,
  now: number,
  rules: SessionRules,
): ConnectionStep {
  const next: LiveDraft = { ...session, lastReceivedAt: now };
  let warning: readonly ConnectionEffect[] = NO_EFFECTS;
  if (!counted) {
    // Appends have a guard of their own (ST6), which exists only where a stream is written.
    const isAppend = decoded.frame?.type === "stream_append";
    const burst = isAppend && rules.burst.rate > 0 ? APPEND_BURST : rules.burst;
    const before = isAppend ? (session.appends ?? fullBucket(burst, now)) : session.bucket;
    const { bucket, verdict } = consumeFrame(before, burst, now);
    if (verdict === "close") return closeForFlooding(burst);
    if (verdict === "warn") warning = floodWarning(bucket, burst);
    if (isAppend) next.appends = bucket;
    else next.bucket = bucket;
  }
  let effects: readonly ConnectionEffect[];
  if (request !== undefined) effects = pass(next, request, now, rules);
  else if (decoded.error !== undefined) effects = refuseFrame(decoded.error);
  else effects = onOwnFrame(next, decoded.frame, now);
  return { session: next, effects: warning === NO_EFFECTS ? effects : [...warning, ...effects] };
}

function refuseFrame({ code, message, conversation, id, stream }: DecodeError): ConnectionEffect[] {
  const named = conversation !== undefined && { conversation };
  const about = { ...(id !== undefined && { id }), ...(stream !== undefined && { stream }) };
  return [
    log({ event: "frame.refused", code, reason: message }),
    send({ type: "error", ...named, code, message, ...about }),
  ];
}

/** Applies a valid frame about the connection itself to `next`, and returns the effects. */
function onOwnFrame(next: LiveDraft, frame: ClientFrame, now: number): readonly ConnectionEffect[] {
  switch (frame.type) {
    case "ping":
      return [send(frame.id === undefined ? { type: "pong" } : { type: "pong", id: frame.id })];
    case "activity":
      recordActivity(next, now);
      return NO_EFFECTS;
    case "open":
    case "close":
      recordActivity(next, now);
      return [{ type: "open_or_close", frame }];
    case "inbox":
      recordActivity(next, now);
      return [{ type: "inbox", frame }];
    case "token":
      return [{ type: "renew", token: frame.token }];
    default:
      frame satisfies RequestFrame;
      // These frames come with a `request`, so they never get here.
      return NO_EFFECTS;
  }
}

/** Passes a request to its conversation, and pauses a socket with too many requests that wait or are held (B2). */
function pass(
  next: LiveDraft,
  { outcome }: { readonly outcome: RequestOutcome },
  now: number,
  rules: SessionRules,
): readonly ConnectionEffect[] {
  // A held request counts as activity when it is released.
  if (outcome === "held") return PASS_ONLY;
  if (outcome === "full") {
    next.full = true;
    return passAndPause(next);
  }
  recordActivity(next, now);
  if (outcome === "done") return PASS_ONLY;
  outcome satisfies "asked";
  next.waiting++;
  return next.waiting >= rules.maxWaiting ? passAndPause(next) : PASS_ONLY;
}

function passAndPause(next: LiveDraft): readonly ConnectionEffect[] {
  if (next.paused) return PASS_ONLY;
  next.paused = true;
  return PASS_AND_PAUSE;
}

/** Records activity (I1). */
function recordActivity(next: LiveDraft, now: number): void {
  next.activeAt = now;
  next.inactivityWarned = false;
}

/** The store has returned the result of a request. */
function onAnswered(
  session: Exclude<ConnectionSession, Closed>,
  quota: Quota | null | undefined,
  rules: SessionRules,
): ConnectionStep {
  if (session.phase !== "live") return { session, effects: NO_EFFECTS };
  const next: LiveDraft = { ...session, waiting: session.waiting - 1 };
  const effects = resumeIfDrained(next, rules);
  const low = quota === undefined ? session.quotaWarned : isQuotaLow(quota);
  if (low === session.quotaWarned) return { session: next, effects };
  next.quotaWarned = low;
  return { session: next, effects: low && quota ? [...effects, quotaWarning(quota)] : effects };
}

function quotaWarning({ remaining, limit }: Quota): ConnectionEffect {
  const message = `${remaining} of ${limit} requests are left in this hour.`;
  return send({ type: "warning", code: "quota_low", message });
}

function isQuotaLow(quota: Quota | null): boolean {
  return quota !== null && quota.remaining <= quota.limit * QUOTA_LOW_SHARE;
}

/**
 * A conversation is about to release the requests that it held. The socket is resumed before that: the released requests
 * may pause it again, and then it must stay paused (B2).
 */
function onReleased(session: Exclude<ConnectionSession, Closed>, rules: SessionRules): ConnectionStep {
  if (session.phase !== "live" || !session.full) return { session, effects: NO_EFFECTS };
  const next: LiveDraft = { ...session, full: false };
  return { session: next, effects: resumeIfDrained(next, rules) };
}

/** Resumes a paused socket when half of its requests have their results, and the conversation holds fewer than the most. */
function resumeIfDrained(next: LiveDraft, { maxWaiting }: SessionRules): readonly ConnectionEffect[] {
  if (!next.paused || next.full || next.waiting > maxWaiting / 2) return NO_EFFECTS;
  next.paused = false;
  return RESUME_ONLY;
}

function onControl(
  session: Exclude<ConnectionSession, Closed>,
  now: number,
  rules: SessionRules,
): ConnectionStep {
  const { bucket, verdict } = consumeFrame(session.bucket, rules.burst, now);
  if (verdict === "close") return closeForFlooding(rules.burst);
  // Before the welcome no frames are sent except for a close, so a client that floods that early is not warned.
  if (session.phase !== "live") return { session: { ...session, bucket }, effects: NO_EFFECTS };
  const effects = verdict === "warn" ? floodWarning(bucket, rules.burst) : NO_EFFECTS;
  return { session: { ...session, bucket, lastReceivedAt: now }, effects };
}

function onAdmitted(
  session: Exclude<ConnectionSession, Closed>,
  { welcome, term, opened }: Extract<ConnectionEvent, { type: "admitted" }>,
  now: number,
  rules: SessionRules,
  jitter: number,
): ConnectionStep {
  if (session.phase !== "checking") return { session, effects: NO_EFFECTS };
  const effects: ConnectionEffect[] = [send(welcome)];
  if (opened !== undefined) effects.push({ type: "open", opened });
  // Before the held frames are released: they may pause the socket again, and then it must stay paused (B2).
  if (session.held >= rules.maxWaiting) effects.push({ type: "resume" });
  effects.push({ type: "release" });
  return {
    session: {
      phase: "live",
      expiresAt: term.expiresAt,
      expiryWarningAt: expiryWarningAt(term),
      catchingUpSince: opened?.behind ? now : undefined,
      activeAt: now,
      inactivityWarned: false,
      waiting: 0,
      full: false,
      paused: false,
      bucket: session.bucket,
      lastReceivedAt: now,
      pingDueAt: nextPing(now, rules, jitter),
      pingedAt: 0,
      pongTimeout: rules.pongTimeout,
      quotaWarned: isQuotaLow(welcome.quota),
    },
    effects,
  };
}

function onCaughtUp(
  session: Exclude<ConnectionSession, Closed>,
  now: number,
  rules: SessionRules,
): ConnectionStep {
  if (session.phase !== "live" || session.catchingUpSince === undefined)
    return { session, effects: NO_EFFECTS };
  const caughtUp: Live = { ...session, catchingUpSince: undefined };
  if (rules.pingInterval === 0) return { session: caughtUp, effects: NO_EFFECTS };
  // The last pages may still be on their way over a slow connection, and a pong comes only after them. So a ping is sent
  // now, with more time for its pong. The pong shows that all pages have arrived; from then on pings are as usual.
  return {
    session: { ...caughtUp, pingDueAt: 0, pingedAt: now, pongTimeout: progressTimeout(rules) },
    effects: [{ type: "ping" }],
  };
}

/** A peer that reads is alive, though its pong may come only after the bytes that it still has to read. */
function onProgress(session: Exclude<ConnectionSession, Closed>, now: number): ConnectionStep {
  if (session.phase !== "live") return { session, effects: NO_EFFECTS };
  const behind = session.catchingUpSince === undefined ? undefined : now;
  return { session: { ...session, lastReceivedAt: now, catchingUpSince: behind }, effects: NO_EFFECTS };
}

function onRenewed(
  session: Exclude<ConnectionSession, Closed>,
  term: TokenTerm,
  now: number,
): ConnectionStep {
  if (session.phase !== "live") return { session, effects: NO_EFFECTS };
  const { expiresAt } = term;
  return {
    session: { ...session, expiresAt, expiryWarningAt: expiryWarningAt(term, now) },
    effects: [send({ type: "token_accepted", expires_in: Math.max(0, expiresAt - now) / 1000 })],
  };
}

/** A refused token changes nothing: the connection stays open until its present token expires (A2). */
function onRenewalRefused(
  session: Exclude<ConnectionSession, Closed>,
  code: ErrorCode,
  message: string,
): ConnectionStep {
  if (session.phase !== "live") return { session, effects: NO_EFFECTS };
  return {
    session,
    effects: [log({ event: "token.renewal_refused", code }), send({ type: "error", code, message })],
  };
}

function floodWarning(bucket: TokenBucket, burst: BurstRule): ConnectionEffect[] {
  const message = `Frames come faster than ${burst.rate} a second; slow down, or the connection is closed.`;
  return [
    log({ event: "limit.flooding" }),
    send({ type: "warning", code: "flooding", message, seconds: secondsToRefill(bucket, burst) }),
  ];
}

function closeForFlooding(burst: BurstRule): ConnectionStep {
  const message = `Frames came faster than ${burst.rate} a second in spite of warnings.`;
  return closeConnection(closeReason(4429, { code: "flooding", message }));
}
