// What one connection may do, as a pure step: state, event, now → next state and effects.
//
//   anonymous ──token frame──▶ checking ──admitted──▶ live ──▶ closed
//       │                         │                    │
//       └──── no credential ──────┴──── refused ───────┴── inactive, flooding, too slow, lost, …
//
// Times are in milliseconds. server/socket/connection.ts carries the effects out, and decides nothing.
import type { ClientFrame, ClientFrameOf } from "../../protocol/client-frames.ts";
import type { DecodeResult } from "../../protocol/decode.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import { closeReason, closeReasonForError } from "./close-reason.ts";
import { closeSession, log, NO_EFFECTS, send } from "./effects.ts";
import { consumeFrame, fullBucket, secondsToRefill, type TokenBucket } from "./flood-guard.ts";
import { isQuotaLow, onHistoryRead, onPosted, releaseHeld } from "./on-engine-result.ts";
import type {
  Anonymous,
  Closed,
  Effect,
  Live,
  Session,
  SessionEvent,
  SessionRules,
  Step,
  TokenAccess,
} from "./state.ts";
import { expiryWarningAt, nextPing, onClockStepped, onTick, progressTimeout } from "./timeouts.ts";

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
  jitter = 0,
): Step {
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
      return closeSession(closeReasonForError(event.code, event.message));
    case "posted":
      return onPosted(session, event.id, event.result, rules);
    case "read":
      return onHistoryRead(session, event.id, event.result, rules);
    case "page_left":
      return onPageLeft(session, rules);
    case "caught_up":
      return onCaughtUp(session, now, rules);
    case "progress":
      return onProgress(session, now);
    case "renewed":
      return onRenewed(session, event.access, now);
    case "renewal_refused":
      return onRenewalRefused(session, event.code, event.message);
    case "clock_stepped":
      return onClockStepped(session, event.by, now);
    case "tick":
      return onTick(session, event.unsent, now, rules, jitter);
    case "flushed":
      return event.dropped || event.unsent > rules.maxUnsent
        ? closeSession(closeReason(1013))
        : { session, effects: NO_EFFECTS };
    case "end":
      return closeSession(event.ending);
    default:
      return event satisfies never;
  }
}

function onFrame(
  session: Exclude<Session, Closed>,
  event: FrameEvent,
  now: number,
  rules: SessionRules,
): Step {
  switch (session.phase) {
    case "anonymous":
      return onFirstFrame(session, event.decoded);
    case "checking": {
      const held = session.held + 1;
      const effects: Effect[] = [{ type: "hold" }];
      if (held === rules.maxWaiting) effects.push({ type: "pause" });
      // What a paused socket had already sent still arrives, at most one read buffer of it.
      return { session: { ...session, held }, effects };
    }
    case "live":
      return onLiveFrame(session, event, now, rules);
    default:
      return session satisfies never;
  }
}

function onBadFrame(code: 1003 | 1009): Step {
  if (code === 1003) return closeSession(closeReason(code));
  const message = `The frame is longer than ${MAX_FRAME_BYTES} bytes.`;
  return closeSession(closeReason(code, { code: "too_large", message }));
}

function onFirstFrame(session: Anonymous, decoded: DecodeResult): Step {
  if (decoded.frame?.type === "token") {
    return {
      session: { phase: "checking", since: session.since, held: 0, bucket: session.bucket },
      effects: [{ type: "authenticate", token: decoded.frame.token }],
    };
  }
  const message = 'The first frame of a socket opened without a token must be {"type":"token","token":"…"}.';
  return closeSession(closeReason(4401, { code: "unauthorized", message }));
}

function onLiveFrame(
  session: Live,
  { decoded, counted }: FrameEvent,
  now: number,
  rules: SessionRules,
): Step {
  const effects: Effect[] = [];
  const next: LiveDraft = { ...session, lastReceivedAt: now };
  if (!counted) {
    const { bucket, verdict } = consumeFrame(session.bucket, rules.burst, now);
    if (verdict === "close") return closeForFlooding(rules);
    if (verdict === "warn") effects.push(...floodWarning(bucket, rules));
    next.bucket = bucket;
  }
  if (mustWait(session, decoded.frame?.type)) hold(next, rules, effects);
  else if (decoded.error !== undefined) {
    const { code, message, id } = decoded.error;
    effects.push(log({ event: "frame.refused", code, reason: message }));
    effects.push(
      send(id === undefined ? { type: "error", code, message } : { type: "error", code, message, id }),
    );
  } else onRequest(next, decoded.frame, now, rules, effects);
  return { session: next, effects };
}

/** Whether a request is held: till what was missed is sent, or till the answer before it has left. */
function mustWait(
  { catchingUpSince: behind, reading, held }: Live,
  type: ClientFrame["type"] | undefined,
): boolean {
  if (type === "history") return behind !== undefined || reading !== undefined;
  // Answers come in the order of the requests.
  return type === "message" && (behind !== undefined || held > 0);
}

/** Holds the frame; a socket that sends on and on is paused (B2). */
function hold(next: LiveDraft, rules: SessionRules, effects: Effect[]): void {
  next.held++;
  effects.push({ type: "hold", counted: true });
  if (next.held >= rules.maxWaiting) pause(next, effects);
}

/** Has the socket read no more, if it does. */
function pause(next: LiveDraft, effects: Effect[]): void {
  if (next.paused) return;
  effects.push({ type: "pause" });
  next.paused = true;
}

type FrameEvent = Extract<SessionEvent, { type: "frame" }>;

/** The state that a step is about to answer; nobody else has it yet, so it is written in place: one copy a frame. */
type LiveDraft = { -readonly [Field in keyof Live]: Live[Field] };

/** Adds to `effects` what a valid frame asks for, and to `next` what it changes. */
function onRequest(
  next: LiveDraft,
  frame: ClientFrame,
  now: number,
  rules: SessionRules,
  effects: Effect[],
): void {
  switch (frame.type) {
    case "ping":
      effects.push(send(frame.id === undefined ? { type: "pong" } : { type: "pong", id: frame.id }));
      return;
    case "activity":
      recordActivity(next, now);
      return;
    case "history":
      effects.push({ type: "read", frame });
      next.reading = "asked";
      recordActivity(next, now);
      trackRequest(next, rules, effects);
      return;
    case "token":
      effects.push({ type: "renew", token: frame.token });
      return;
    case "message":
    case "typing":
      recordActivity(next, now);
      onWrite(next, frame, rules, effects);
      return;
    case "read":
      // It takes the right to read, without which nobody is let in.
      recordActivity(next, now);
      effects.push({ type: "mark", seq: frame.seq });
      return;
    default:
      frame satisfies never;
  }
}

/** Adds what a frame asks for that needs the right to write. */
function onWrite(
  next: LiveDraft,
  frame: ClientFrameOf<"message" | "typing">,
  rules: SessionRules,
  effects: Effect[],
): void {
  const { writeRefusal: message } = next;
  if (message !== undefined) {
    const id = frame.type === "message" ? frame.id : undefined;
    effects.push(log({ event: "frame.refused", code: "forbidden", reason: message }));
    effects.push(send({ type: "error", code: "forbidden", message, ...(id !== undefined && { id }) }));
    return;
  }
  switch (frame.type) {
    case "message":
      effects.push({ type: "post", frame });
      trackRequest(next, rules, effects);
      return;
    case "typing":
      effects.push({ type: "typing", active: frame.active });
      return;
    default:
      frame satisfies never;
  }
}

/** Notes what counts as activity (I1). */
function recordActivity(next: LiveDraft, now: number): void {
  next.activeAt = now;
  next.inactivityWarned = false;
}

/** Notes that a request is at the engine. */
function trackRequest(next: LiveDraft, rules: SessionRules, effects: Effect[]): void {
  next.waiting++;
  if (next.waiting >= rules.maxWaiting) pause(next, effects);
}

function onControl(session: Exclude<Session, Closed>, now: number, rules: SessionRules): Step {
  const { bucket, verdict } = consumeFrame(session.bucket, rules.burst, now);
  if (verdict === "close") return closeForFlooding(rules);
  // Nothing comes before the welcome but an end, so who floods that early is not warned.
  if (session.phase !== "live") return { session: { ...session, bucket }, effects: NO_EFFECTS };
  const effects = verdict === "warn" ? floodWarning(bucket, rules) : NO_EFFECTS;
  return { session: { ...session, bucket, lastReceivedAt: now }, effects };
}

function onAdmitted(
  session: Exclude<Session, Closed>,
  { welcome, access: pass, shown, behind }: Extract<SessionEvent, { type: "admitted" }>,
  now: number,
  rules: SessionRules,
  jitter: number,
): Step {
  if (session.phase !== "checking") return { session, effects: NO_EFFECTS };
  const effects: Effect[] = [send(welcome)];
  if (shown !== undefined) effects.push({ type: "feed", frame: shown });
  // Before what was held is given again: that may well pause the socket anew, and then it has to stay so (B2).
  if (session.held >= rules.maxWaiting) effects.push({ type: "resume" });
  effects.push({ type: "release" });
  return {
    session: {
      phase: "live",
      expiresAt: pass.expiresAt,
      writeRefusal: pass.writeRefusal,
      expiryWarningAt: expiryWarningAt(pass),
      catchingUpSince: behind ? now : undefined,
      reading: undefined,
      held: 0,
      activeAt: now,
      inactivityWarned: false,
      waiting: 0,
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

function onCaughtUp(session: Exclude<Session, Closed>, now: number, rules: SessionRules): Step {
  if (session.phase !== "live" || session.catchingUpSince === undefined)
    return { session, effects: NO_EFFECTS };
  const caughtUp: Live = { ...session, catchingUpSince: undefined };
  if (rules.pingInterval === 0) return releaseHeld(caughtUp, rules, []);
  // The end of what it was fed may still be on its way over a slow line, and the answer to a ping comes after it. The
  // ping goes out now: its answer says that all has arrived, and pings are as usual again.
  const pinged: Live = { ...caughtUp, pingDueAt: 0, pingedAt: now, pongTimeout: progressTimeout(rules) };
  return releaseHeld(pinged, rules, [{ type: "ping" }]);
}

/** The answer to a `history` request has left; a page of what was missed may leave while one is still asked for. */
function onPageLeft(session: Exclude<Session, Closed>, rules: SessionRules): Step {
  if (session.phase !== "live" || session.reading !== "sent") return { session, effects: NO_EFFECTS };
  const next: Live = { ...session, reading: undefined };
  return next.held === 0 ? { session: next, effects: NO_EFFECTS } : releaseHeld(next, rules, []);
}

/** Who takes what is sent is there, though the answer to a ping waits behind it. */
function onProgress(session: Exclude<Session, Closed>, now: number): Step {
  if (session.phase !== "live") return { session, effects: NO_EFFECTS };
  const behind = session.catchingUpSince === undefined ? undefined : now;
  return { session: { ...session, lastReceivedAt: now, catchingUpSince: behind }, effects: NO_EFFECTS };
}

function onRenewed(session: Exclude<Session, Closed>, pass: TokenAccess, now: number): Step {
  if (session.phase !== "live") return { session, effects: NO_EFFECTS };
  const accepted = send({ type: "token_accepted", expires_in: Math.max(0, pass.expiresAt - now) / 1000 });
  const { expiresAt, writeRefusal } = pass;
  return {
    session: { ...session, expiresAt, writeRefusal, expiryWarningAt: expiryWarningAt(pass, now) },
    effects: [accepted],
  };
}

/** A token that is no good changes nothing: the connection stays until the end of the one it came with (A2). */
function onRenewalRefused(session: Exclude<Session, Closed>, code: ErrorCode, message: string): Step {
  if (session.phase !== "live") return { session, effects: NO_EFFECTS };
  return {
    session,
    effects: [log({ event: "token.renewal_refused", code }), send({ type: "error", code, message })],
  };
}

function floodWarning(bucket: TokenBucket, rules: SessionRules): Effect[] {
  const message = `Frames come faster than ${rules.burst.rate} a second; slow down, or the connection is closed.`;
  return [
    log({ event: "limit.flooding" }),
    send({ type: "warning", code: "flooding", message, seconds: secondsToRefill(bucket, rules.burst) }),
  ];
}

function closeForFlooding(rules: SessionRules): Step {
  const message = `Frames came faster than ${rules.burst.rate} a second in spite of warnings.`;
  return closeSession(closeReason(4429, { code: "flooding", message }));
}
