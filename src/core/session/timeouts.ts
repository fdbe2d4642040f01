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
 * How long a peer that is being sent what it missed may take none of it before it counts as lost, in milliseconds: a
 * minute by the defaults. Its pings wait behind a page.
 */
export function progressTimeout({ pongTimeout }: Pick<SessionRules, "pongTimeout">): number {
  return PROGRESS_TIMEOUT_FACTOR * pongTimeout;
}

/** A look that is later than this after its time is late, in milliseconds; the wheel is ten times finer. */
const MAX_TICK_DELAY_MS = 1_000;

/** When `step` must be given the next `tick`: the earliest moment at which time alone changes something. */
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

/** What the passing of time brings. `unsent` bytes are still on their way to the peer. */
export function onTick(
  session: Exclude<ConnectionSession, Closed>,
  unsent: number,
  now: number,
  rules: SessionRules,
  jitter: number,
): ConnectionStep {
  if (session.phase !== "live") {
    if (now < nextDeadline(session, rules)) return { session, effects: NO_EFFECTS };
    // A credential that came and is not checked by now is the server's delay, and not a reason to sign in again.
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
    // Pings go out whatever else is sent: a peer that is only sent to would never be found dead (I3).
    effects.push({ type: "ping" });
    next = { ...next, pingDueAt: 0, pingedAt: now, pongTimeout: rules.pongTimeout };
  } else if (session.pingDueAt === 0) {
    if (session.lastReceivedAt >= session.pingedAt)
      next = { ...next, pingDueAt: nextPing(session.pingedAt, rules, jitter) };
    // What a paused peer sends is not read (RT-4), and the ping of one that is behind waits behind a page: their
    // silence says nothing.
    else if (session.paused || session.catchingUpSince !== undefined) next = { ...next, pingedAt: now };
    else if (now >= session.pingedAt + session.pongTimeout) return LOST;
  }
  if (next.catchingUpSince !== undefined) {
    // Where nothing waits for it, it waits for the store.
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
  // An answer on its way to the user counts as activity (I1): they wait, and did not leave.
  if (next.waiting > 0 || next.catchingUpSince !== undefined || unsent > 0) next = recordActivity(next, now);
  // A process that was stopped looks late: the warning comes all the same, and all of its time before the close (I2).
  if (
    !next.inactivityWarned &&
    now - next.activeAt > rules.inactivity - rules.inactivityWarning + MAX_TICK_DELAY_MS
  )
    next = { ...next, activeAt: now - rules.inactivity + rules.inactivityWarning };
  const quiet = now - next.activeAt;
  if (quiet >= rules.inactivity) {
    const message = `Nothing was done for ${rules.inactivity / 1000} s.`;
    return closeConnection(closeReason(4408, { code: "inactive", message }));
  }
  if (!next.inactivityWarned && quiet >= rules.inactivity - rules.inactivityWarning) {
    const seconds = (rules.inactivity - quiet) / 1000;
    const message = `This connection closes in ${formatDuration(seconds * 1000)} unless something is done.`;
    effects.push(send({ type: "warning", code: "inactivity", message, seconds }));
    effects.push(log({ event: "inactivity.warned", seconds }));
    next = { ...next, inactivityWarned: true };
  }
  return { session: next, effects };
}

/**
 * The machine's clock was set. A token ends at a moment, so where the clock went forward it ends sooner; but nobody is
 * closed without the warning, and its time. Where the clock went back, nothing is given that was not promised.
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
