// What time alone does to a connection: pings, dead peers, inactivity, a credential that does not come.
import { endingFor } from "./closing.ts";
import { end, inWords, NOTHING, note, send } from "./session-effects.ts";
import type { Closed, Effect, Live, Session, SessionRules, Step } from "./session-state.ts";

/** How long before its token expires a client is told, in milliseconds: time enough to fetch another one (A2). */
export const EXPIRY_WARNING = 60_000;

/** When `step` must be given the next `tick`: the earliest moment at which time alone changes something. */
export function nextTick(session: Session, rules: SessionRules): number {
  switch (session.phase) {
    case "anonymous":
    case "checking":
      return rules.credentialTimeout === 0
        ? Number.POSITIVE_INFINITY
        : session.since + rules.credentialTimeout;
    case "live": {
      const ping = session.pingDue > 0 ? session.pingDue : session.pingedAt + rules.pongTimeout;
      const expiry = session.expiresAt - (session.expiryTold ? 0 : EXPIRY_WARNING);
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
    next = { ...next, pingDue: 0, pingedAt: now };
  } else if (session.pingDue === 0) {
    if (session.heardAt >= session.pingedAt)
      next = { ...next, pingDue: nextPing(session.pingedAt, rules, spread) };
    // What a paused peer sends is not read (RUNTIME 4), so its silence says nothing.
    else if (session.paused || session.held >= rules.maxWaiting) next = { ...next, pingedAt: now };
    else if (now >= session.pingedAt + rules.pongTimeout) {
      return {
        session: { phase: "closed" },
        effects: [note({ event: "connection.lost" }), { do: "terminate" }],
      };
    }
  }
  if (now >= next.expiresAt) {
    return end(
      endingFor(4401, { code: "token_expired", message: "The token of this connection has expired." }),
    );
  }
  if (!next.expiryTold && now >= next.expiresAt - EXPIRY_WARNING) {
    const seconds = (next.expiresAt - now) / 1000;
    const message = "The token expires; send a new one in a `token` frame, or the connection is closed.";
    effects.push(send({ type: "warning", code: "token_expiring", message, seconds }));
    effects.push(note({ event: "token.expiring", seconds }));
    next = { ...next, expiryTold: true };
  }
  if (rules.inactivity === 0) return { session: next, effects };
  // An answer on its way to the user counts as activity (I1): they wait, and did not leave.
  if (next.waiting > 0 || next.behind || unsent > 0) next = active(next, now);
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

/** When the ping after one at `last` is due. */
export function nextPing(last: number, rules: SessionRules, spread: number): number {
  return rules.pingInterval === 0 ? Number.POSITIVE_INFINITY : last + rules.pingInterval * (1 + spread / 10);
}

/** The state after something that counts as activity (I1). */
function active(session: Live, now: number): Live {
  return { ...session, activeAt: now, warned: false };
}
