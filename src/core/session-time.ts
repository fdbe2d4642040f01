// What time alone does to a connection: pings, dead peers, inactivity, a credential that does not come.
import { endingFor } from "./closing.ts";
import { end, inWords, NOTHING, note, send } from "./session-effects.ts";
import type { Closed, Effect, Live, Pass, Session, SessionRules, Step } from "./session-state.ts";

/** How long before its token expires a client is told at most, in milliseconds: time enough to fetch another one (A2). */
export const EXPIRY_WARNING = 60_000;

/**
 * When a client is warned that its token expires (A2): a minute before the end, or half of the token's life if that is
 * less. `renewedAt` is when the token took another one's place. Then the warning comes in the middle of the time that is
 * left at the earliest: a client that has only such short tokens to send would be warned again at once, for ever.
 */
export function expiryWarningAt(
  { expiresAt, lifetime }: Omit<Pass, "writeRefusal">,
  renewedAt?: number,
): number {
  const atMost = renewedAt === undefined ? lifetime : Math.min(lifetime, expiresAt - renewedAt);
  if (expiresAt === Number.POSITIVE_INFINITY) return expiresAt;
  return expiresAt - Math.min(EXPIRY_WARNING, Math.max(0, atMost / 2));
}

/** A page of what a client missed takes a slow line longer than a pong; so many times `pongTimeout` is left to it. */
const PAGE_FACTOR = 6;

/**
 * How long a peer that is being sent what it missed may take none of it before it counts as lost, in milliseconds: a
 * minute by the defaults. Its pings wait behind a page.
 */
export function progressTimeout({ pongTimeout }: Pick<SessionRules, "pongTimeout">): number {
  return PAGE_FACTOR * pongTimeout;
}

/** A look that is later than this after its time is late, in milliseconds; the wheel is ten times finer. */
const LATE = 1_000;

/** When `step` must be given the next `tick`: the earliest moment at which time alone changes something. */
export function nextTick(session: Session, rules: SessionRules): number {
  switch (session.phase) {
    case "anonymous":
    case "checking":
      return rules.credentialTimeout === 0
        ? Number.POSITIVE_INFINITY
        : session.since + rules.credentialTimeout;
    case "live": {
      const silence = session.pingDue > 0 ? session.pingDue : session.pingedAt + session.pongTimeout;
      const ping =
        session.behind === undefined ? silence : Math.min(silence, session.behind + progressTimeout(rules));
      const expiry = Math.min(session.expiresAt, session.expiryWarningAt);
      if (rules.inactivity === 0) return Math.min(ping, expiry);
      const quiet = rules.inactivity - (session.warned ? 0 : rules.inactivityWarning);
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
  session: Exclude<Session, Closed>,
  unsent: number,
  now: number,
  rules: SessionRules,
  spread: number,
): Step {
  if (session.phase !== "live") {
    if (now < nextTick(session, rules)) return { session, effects: NOTHING };
    // A credential that came and is not checked by now is the server's delay, and not a reason to sign in again.
    if (session.phase === "checking") return end(endingFor(1013));
    const message = `No valid credential came within ${rules.credentialTimeout / 1000} s.`;
    return end(endingFor(4401, { code: "unauthorized", message }));
  }
  return onLiveTick(session, unsent, now, rules, spread);
}

function onLiveTick(session: Live, unsent: number, now: number, rules: SessionRules, spread: number): Step {
  const effects: Effect[] = [];
  let next = session;
  if (session.pingDue > 0 && now >= session.pingDue) {
    // Pings go out whatever else is sent: a peer that is only sent to would never be found dead (I3).
    effects.push({ do: "ping" });
    next = { ...next, pingDue: 0, pingedAt: now, pongTimeout: rules.pongTimeout };
  } else if (session.pingDue === 0) {
    if (session.heardAt >= session.pingedAt)
      next = { ...next, pingDue: nextPing(session.pingedAt, rules, spread) };
    // What a paused peer sends is not read (RUNTIME 4), and the ping of one that is behind waits behind a page: their
    // silence says nothing.
    else if (session.paused || session.behind !== undefined) next = { ...next, pingedAt: now };
    else if (now >= session.pingedAt + session.pongTimeout) return LOST;
  }
  if (next.behind !== undefined) {
    // Where nothing waits for it, it waits for the store.
    if (unsent === 0) next = { ...next, behind: now };
    else if (now >= next.behind + progressTimeout(rules)) return LOST;
  }
  if (now >= next.expiresAt) {
    return end(
      endingFor(4401, { code: "token_expired", message: "The token of this connection has expired." }),
    );
  }
  if (now >= next.expiryWarningAt) {
    const seconds = (next.expiresAt - now) / 1000;
    const message = "The token expires; send a new one in a `token` frame, or the connection is closed.";
    effects.push(send({ type: "warning", code: "token_expiring", message, seconds }));
    effects.push(note({ event: "token.expiring", seconds }));
    next = { ...next, expiryWarningAt: Number.POSITIVE_INFINITY };
  }
  if (rules.inactivity === 0) return { session: next, effects };
  // An answer on its way to the user counts as activity (I1): they wait, and did not leave.
  if (next.waiting > 0 || next.behind !== undefined || unsent > 0) next = active(next, now);
  // A process that was stopped looks late: the warning comes all the same, and all of its time before the close (I2).
  if (!next.warned && now - next.activeAt > rules.inactivity - rules.inactivityWarning + LATE)
    next = { ...next, activeAt: now - rules.inactivity + rules.inactivityWarning };
  const quiet = now - next.activeAt;
  if (quiet >= rules.inactivity) {
    const message = `Nothing was done for ${rules.inactivity / 1000} s.`;
    return end(endingFor(4408, { code: "inactive", message }));
  }
  if (!next.warned && quiet >= rules.inactivity - rules.inactivityWarning) {
    const seconds = (rules.inactivity - quiet) / 1000;
    const message = `This connection closes in ${inWords(seconds * 1000)} unless something is done.`;
    effects.push(send({ type: "warning", code: "inactivity", message, seconds }));
    effects.push(note({ event: "inactivity.warned", seconds }));
    next = { ...next, warned: true };
  }
  return { session: next, effects };
}

/**
 * The machine's clock was set. A token ends at a moment, so where the clock went forward it ends sooner; but nobody is
 * closed without the warning, and its time. Where the clock went back, nothing is given that was not promised.
 */
export function onClockStepped(session: Exclude<Session, Closed>, by: number, now: number): Step {
  if (session.phase !== "live" || by <= 0 || session.expiryWarningAt === Number.POSITIVE_INFINITY)
    return { session, effects: NOTHING };
  const warning = session.expiresAt - session.expiryWarningAt;
  const expiresAt = Math.max(session.expiresAt - by, now + warning);
  return { session: { ...session, expiresAt, expiryWarningAt: expiresAt - warning }, effects: NOTHING };
}

const LOST: Step = {
  session: { phase: "closed" },
  effects: [note({ event: "connection.timed_out" }), { do: "terminate" }],
};

/** When the ping after one at `last` is due. */
export function nextPing(last: number, rules: SessionRules, spread: number): number {
  return rules.pingInterval === 0 ? Number.POSITIVE_INFINITY : last + rules.pingInterval * (1 + spread / 10);
}

/** The state after something that counts as activity (I1). */
function active(session: Live, now: number): Live {
  return { ...session, activeAt: now, warned: false };
}
