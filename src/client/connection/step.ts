import { mayReconnect } from "../../protocol/close-codes.ts";
import { BACKOFF_EARLY_MAX_MS, BACKOFF_RESET_AFTER_MS } from "../options.ts";
import { backoff } from "./backoff.ts";
import type { Advice, ClosingNotice, Connecting, Effect, Event, State, Step, Waiting } from "./state.ts";

/** Close code of a token that is not (or no longer) good. */
const TOKEN_REFUSED = 4401;

/** Close code of a conversation in which nothing was done for a while. */
const INACTIVE = 4408;

/** Close code of one connection more than the plan allows. A place becomes free when another tab, or what is left of a dead line, goes. */
const TOO_MANY_CONNECTIONS = 4409;

/** Close code of a connection whose place a newer one of the same client has taken. */
const REPLACED = 4410;

const ADVICE: Readonly<Record<number, Advice>> = {
  1000: "reconnect",
  [TOKEN_REFUSED]: "sign_in",
  [INACTIVE]: "reconnect",
  [REPLACED]: "reconnect",
  4429: "slow_down",
};

/** The state of a conversation that was just opened; its first effect is a dial. */
export const INITIAL_STATE: Connecting = { state: "connecting", attempt: 0, fresh: false };

/** Closed for inactivity only: whatever the user does next opens it again, so nothing that waits is given up. */
export function isIdleClosed(state: State): boolean {
  return state.state === "closed" && state.code === INACTIVE;
}

/** Whether a socket is open and let in. */
export function isConnected(state: State): boolean {
  return "since" in state;
}

/**
 * One step of a connection: what `event` makes of `state` at `now` (milliseconds since 1970, for what is shown), and what
 * is to be done. `random` is from 0 up to 1, for the back-off.
 *
 * An event that has no meaning in the present state, such as a frame that was under way at a close, changes nothing.
 */
export function step(state: State, event: Event, now: number, random: number): Step {
  const unchanged = { state, effects: [] };
  const probed: Step = isConnected(state) ? { state, effects: [{ type: "probe" }] } : unchanged;
  switch (event.type) {
    case "open":
      return state.state === "closed" || state.state === "waiting" ? dial(0) : unchanged;
    case "reconnect":
      return dial(0, false, [{ type: "close" }]);
    case "close":
      return state.state === "closed" && !isIdleClosed(state)
        ? unchanged
        : close(1000, "closed here", [{ type: "close" }]);
    case "offline":
      return probed;
    case "wake":
      // The server spread its clients over a time; those whose screen lights up must not all come at once.
      if (state.state !== "waiting") return probed;
      return state.firm ? unchanged : dial(state.attempt, state.fresh);
    case "timer":
      return state.state === "waiting" ? dial(state.attempt, state.fresh) : unchanged;
    case "token_failed":
      if (state.state !== "connecting") return unchanged;
      return wait(state.attempt, now, backoff(state.attempt, random), { reason: event.reason });
    case "token_missing":
      return state.state === "connecting" ? close(TOKEN_REFUSED, event.reason) : unchanged;
    case "connection_lost":
      return state.state === "waiting" || state.state === "closed"
        ? unchanged
        : onConnectionLost(state, event, now, random);
    default:
      return { state: onFrame(state, event, now), effects: [] };
  }
}

type FrameEvent = Extract<Event, { type: "welcome" | "progress" | "degraded" | "recovered" | "closing" }>;

/** What the server says changes the state, and asks for nothing. */
function onFrame(state: State, event: FrameEvent, now: number): State {
  if (state.state === "waiting" || state.state === "closed") return state;
  if (event.type === "closing") return { ...state, farewell: event.farewell };
  const next = "behind" in event && event.behind ? "resuming" : "live";
  if (state.state === "connecting")
    return event.type === "welcome" ? { state: next, attempt: state.attempt, since: now } : state;
  if (event.type === "degraded") return { ...state, state: "degraded", reason: event.reason };
  return event.type === (state.state === "degraded" ? "recovered" : "progress")
    ? { ...state, state: next }
    : state;
}

function onConnectionLost(
  state: Exclude<State, { state: "waiting" | "closed" }>,
  event: Event & { type: "connection_lost" },
  now: number,
  random: number,
): Step {
  const { farewell } = state;
  // A line that is cut right after `closing` shows 1006, which would say less than the server has said.
  const code = farewell?.code ?? event.code;
  const reason = farewell?.reason || event.reason || "connection lost";
  const isConnecting = state.state === "connecting";
  const isSteady = event.lasted >= BACKOFF_RESET_AFTER_MS;
  const attempt = isSteady ? 0 : state.attempt;
  if (code === TOKEN_REFUSED && event.renewable && !(isConnecting && state.fresh)) {
    if (isConnecting || isSteady) return dial(attempt, true);
    // Tokens that are refused as soon as they have been taken must not be asked for as fast as the line allows.
    return wait(attempt, now, backoff(attempt, random), { code, reason, fresh: true });
  }
  if (!canReconnect(code, event.hasStray, farewell)) return close(code, reason);
  const retryAfter = farewell?.retry_after;
  const longest = code === TOO_MANY_CONNECTIONS ? BACKOFF_EARLY_MAX_MS : undefined;
  const milliseconds = retryAfter === undefined ? backoff(attempt, random, longest) : retryAfter * 1000;
  return wait(attempt, now, milliseconds, { code, reason, firm: retryAfter !== undefined });
}

function canReconnect(code: number, hasStray: boolean, farewell: ClosingNotice | undefined): boolean {
  if (code === TOO_MANY_CONNECTIONS) return true;
  // Nobody else has the name of this client: an own socket that was given up came late, and took the place.
  if (code === REPLACED) return hasStray;
  return farewell?.reconnect ?? mayReconnect(code);
}

function dial(attempt: number, fresh = false, before: readonly Effect[] = []): Step {
  return { state: { state: "connecting", attempt, fresh }, effects: [...before, { type: "dial", fresh }] };
}

function wait(
  attempt: number,
  now: number,
  milliseconds: number,
  { code = 1006, reason, fresh = false, firm = false }: Pick<Waiting, "reason"> & Partial<Waiting>,
): Step {
  const until = now + milliseconds;
  return {
    state: { state: "waiting", until, code, reason, fresh, firm, attempt: attempt + 1 },
    effects: [{ type: "wait", milliseconds }],
  };
}

function close(code: number, reason: string, effects: readonly Effect[] = []): Step {
  return { state: { state: "closed", code, reason, advice: ADVICE[code] ?? "change" }, effects };
}
