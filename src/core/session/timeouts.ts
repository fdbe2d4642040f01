// Time-outs of a connection: pings, dead peers, inactivity, expiry of the token, and a credential that does not arrive.
import { CLOSED, closeConnection } from "./close-connection.ts";
import { closeReason } from "./close-reason.ts";
import type {
  Closed,
  ConnectionEffect,
  ConnectionSession,
  ConnectionStep,
  Live,
  SessionRules,
  TokenTerm,
} from "./connection-state.ts";
import { formatDuration, log, NO_EFFECTS, send } from "./effects.ts";

/** A client is warned at most this long before its token expires, in milliseconds: enough time to get another one (A2). */
export const EXPIRY_WARNING_MS = 60_000;

/**
 * Returns when a client is warned that its token expires (A2): a minute before the end, or half of the token's lifetime
 * before it if that is less. `renewedAt` is when the token replaced another one; then the warning comes at the earliest in
 * the middle of the remaining time. Without that rule a client that can only send short-lived tokens would be warned again
 * at once after each of them, in an endless loop.
 */
export function expiryWarningAt({ expiresAt, lifetime }: TokenTerm, renewedAt?: number): number {
  const atMost = renewedAt === undefined ? lifetime : Math.min(lifetime, expiresAt - renewedAt);
  if (expiresAt === Number.POSITIVE_INFINITY) return expiresAt;
  return expiresAt - Math.min(EXPIRY_WARNING_MS, Math.max(0, atMost / 2));
}

/** A page of missed messages takes longer on a slow connection than a pong. It may take this many times `pongTimeout`. */
const PROGRESS_TIMEOUT_FACTOR = 6;

/**
 * How long a peer that is catching up may read nothing before it counts as lost, in milliseconds: a minute by the defaults.
 * The time is longer than for a pong, because a ping waits behind a page of messages.
 */
export function progressTimeout({ pongTimeout }: Pick<SessionRules, "pongTimeout">): number {
  return PROGRESS_TIMEOUT_FACTOR * pongTimeout;
}

/** A tick that comes more than this after its time is late, in milliseconds. The timing wheel is ten times finer. */
const MAX_TICK_DELAY_MS = 1_000;

/** Returns when the session needs its next `tick`: the earliest time at which a time-out or a ping is due. */
export function nextDeadline(session: ConnectionSession, rules: SessionRules): number {
  switch (session.phase) {
    case "anonymous":
    case "checking":
      return rules.credentialTimeout === 0
        ? Number.POSITIVE_INFINITY
        : session.since + rules.credentialTimeout;
    case "live": {
      const silence = session.pingDueAt > 0 ? session.pingDueAt : session.pingedAt + session.pongTimeout;
      const ping =
        session.catchingUpSince === undefined
          ? silence
          : Math.min(silence, session.catchingUpSince + progressTimeout(rules));
      const expiry = Math.min(session.expiresAt, session.expiryWarningAt);
      if (rules.inactivity === 0) return Math.min(ping, expiry);
      const quiet = rules.inactivity - (session.inactivityWarned ? 0 : rules.inactivityWarning);
      return Math.min(ping, expiry, session.activeAt + quiet);
    }
    case "closed":
      return Number.POSITIVE_INFINITY;
    default:
      return session satisfies never;
  }
}

/** The step of a `tick`. `unsent` bytes are still to be sent to the peer. */
export function onTick(
  session: Exclude<ConnectionSession, Closed>,
  unsent: number,
  now: number,
  rules: SessionRules,
  jitter: number,
): ConnectionStep {
  if (session.phase !== "live") {
    if (now < nextDeadline(session, rules)) return { session, effects: NO_EFFECTS };
    // The credential has arrived but is not checked yet. That delay is the server's, and no reason to sign in again.
    if (session.phase === "checking") return closeConnection(closeReason(1013));
    const message = `No valid credential came within ${rules.credentialTimeout / 1000} s.`;
    return closeConnection(closeReason(4401, { code: "unauthorized", message }));
  }
  return onLiveTick(session, unsent, now, rules, jitter);
}

function onLiveTick(
  session: Live,
  unsent: number,
  now: number,
  rules: SessionRules,
  jitter: number,
): ConnectionStep {
  const effects: ConnectionEffect[] = [];
  let next = session;
  if (session.pingDueAt > 0 && now >= session.pingDueAt) {
    // Pings are sent also while other frames are: a dead peer to which the server only sends would not be noticed otherwise (I3).
    effects.push({ type: "ping" });
    next = { ...next, pingDueAt: 0, pingedAt: now, pongTimeout: rules.pongTimeout };
  } else if (session.pingDueAt === 0) {
    if (session.lastReceivedAt >= session.pingedAt)
      next = { ...next, pingDueAt: nextPing(session.pingedAt, rules, jitter) };
    // The frames of a paused peer are not read (RT-4), and the ping to a peer that is catching up waits behind a page. So a
    // missing pong does not mean that the peer is dead.
    else if (session.paused || session.catchingUpSince !== undefined) next = { ...next, pingedAt: now };
    else if (now >= session.pingedAt + session.pongTimeout) return LOST;
  }
  if (next.catchingUpSince !== undefined) {
    // With nothing left to send, the client waits for the store, and not the server for the client.
    if (unsent === 0) next = { ...next, catchingUpSince: now };
    else if (now >= next.catchingUpSince + progressTimeout(rules)) return LOST;
  }
  if (now >= next.expiresAt) {
    return closeConnection(
      closeReason(4401, { code: "token_expired", message: "The token of this connection has expired." }),
    );
  }
  if (now >= next.expiryWarningAt) {
    const seconds = (next.expiresAt - now) / 1000;
    const message = "The token expires; send a new one in a `token` frame, or the connection is closed.";
    effects.push(send({ type: "warning", code: "token_expiring", message, seconds }));
    effects.push(log({ event: "token.expiring", seconds }));
    next = { ...next, expiryWarningAt: Number.POSITIVE_INFINITY };
  }
  if (rules.inactivity === 0) return { session: next, effects };
  // A reply that is on its way to the user counts as activity (I1): the user waits for it.
  if (next.waiting > 0 || next.catchingUpSince !== undefined || unsent > 0) next = recordActivity(next, now);
  // After a pause of the process the tick comes late. The warning is still sent, and the full time follows before the close (I2).
  if (
    !next.inactivityWarned &&
    now - next.activeAt > rules.inactivity - rules.inactivityWarning + MAX_TICK_DELAY_MS
  )
    next = { ...next, activeAt: now - rules.inactivity + rules.inactivityWarning };
  const quiet = now - next.activeAt;
  if (quiet >= rules.inactivity) {
    const message = `There was no activity for ${rules.inactivity / 1000} s.`;
    return closeConnection(closeReason(4408, { code: "inactive", message }));
  }
  if (!next.inactivityWarned && quiet >= rules.inactivity - rules.inactivityWarning) {
    const seconds = (rules.inactivity - quiet) / 1000;
    const message = `This connection closes in ${formatDuration(seconds * 1000)} unless there is activity.`;
    effects.push(send({ type: "warning", code: "inactivity", message, seconds }));
    effects.push(log({ event: "inactivity.warned", seconds }));
    next = { ...next, inactivityWarned: true };
  }
  return { session: next, effects };
}

/**
 * The machine's clock was set by `by` milliseconds. A token expires at a time of day, so after a step forward it expires
 * sooner; but no connection is closed without the warning and the time that follows it. A step back does not extend a token.
 */
export function onClockStepped(
  session: Exclude<ConnectionSession, Closed>,
  by: number,
  now: number,
): ConnectionStep {
  if (session.phase !== "live" || by <= 0 || session.expiryWarningAt === Number.POSITIVE_INFINITY)
    return { session, effects: NO_EFFECTS };
  const warning = session.expiresAt - session.expiryWarningAt;
  const expiresAt = Math.max(session.expiresAt - by, now + warning);
  return { session: { ...session, expiresAt, expiryWarningAt: expiresAt - warning }, effects: NO_EFFECTS };
}

const LOST: ConnectionStep = {
  session: CLOSED,
  effects: [log({ event: "connection.timed_out" }), { type: "terminate" }],
};

/** When the ping after one at `last` is due. */
export function nextPing(last: number, rules: SessionRules, jitter: number): number {
  return rules.pingInterval === 0 ? Number.POSITIVE_INFINITY : last + rules.pingInterval * (1 + jitter / 10);
}

/** The state after something that counts as activity (I1). */
function recordActivity(session: Live, now: number): Live {
  return { ...session, activeAt: now, inactivityWarned: false };
}
