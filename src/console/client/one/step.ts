import { backoff } from "../../../client/line/backoff.ts";
import { BACKOFF_EARLY_MAX_MS, BACKOFF_RESET_AFTER_MS } from "../../../client/options.ts";
import { mayReconnect } from "../../../protocol/close-codes.ts";
import type { Advice, ClosingNotice, Connecting, Effect, Event, State, Step, Waiting } from "./state.ts";

/** Close code of a token that is invalid or expired. */
const TOKEN_REFUSED = 4401;

/** Close code of a conversation that was inactive for too long. */
const INACTIVE = 4408;

/** Close code of a connection beyond the plan's limit. One is allowed again when another tab closes, or when the server drops a dead connection. */
const TOO_MANY_CONNECTIONS = 4409;

/** Close code of a connection that a newer one of the same client replaced. */
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

/** Whether the conversation is closed for inactivity only: the user's next action opens it again, so pending messages are kept. */
export function isIdleClosed(state: State): boolean {
  return state.state === "closed" && state.code === INACTIVE;
}

/** Whether a socket is open and has received `welcome`. */
export function isConnected(state: State): boolean {
  return "since" in state;
}

/**
 * One step of a connection: returns the state after `event` at `now` (milliseconds since 1970, used for display only), and
 * the effects to carry out. `random` is from 0 up to 1, for the back-off.
 *
 * An event that has no meaning in the current state, such as a frame that was in flight at a close, changes nothing.
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
      // The server spread the reconnects of its clients over time; pages that become visible must not all reconnect at once.
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

/** Returns the state after a frame of the server. Frames have no effects. */
function onFrame(state: State, event: FrameEvent, now: number): State {
  if (state.state === "waiting" || state.state === "closed") return state;
  if (event.type === "closing") return { ...state, closing: event.closing };
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
  const { closing } = state;
  // A socket that is cut right after `closing` reports 1006; the frame's code is more precise.
  const code = closing?.code ?? event.code;
  const reason = closing?.reason || event.reason || "connection lost";
  const isConnecting = state.state === "connecting";
  const isSteady = event.lasted >= BACKOFF_RESET_AFTER_MS;
  const attempt = isSteady ? 0 : state.attempt;
  if (code === TOKEN_REFUSED && event.renewable && !(isConnecting && state.fresh)) {
    if (isConnecting || isSteady) return dial(attempt, true);
    // Tokens that are rejected soon after they were accepted must not be requested in a tight loop.
    return wait(attempt, now, backoff(attempt, random), { code, reason, fresh: true });
  }
  if (!canReconnect(code, event.hasStray, closing)) return close(code, reason);
  const retryAfter = closing?.retry_after;
  const longest = code === TOO_MANY_CONNECTIONS ? BACKOFF_EARLY_MAX_MS : undefined;
  const milliseconds = retryAfter === undefined ? backoff(attempt, random, longest) : retryAfter * 1000;
  return wait(attempt, now, milliseconds, { code, reason, firm: retryAfter !== undefined });
}

function canReconnect(code: number, hasStray: boolean, closing: ClosingNotice | undefined): boolean {
  if (code === TOO_MANY_CONNECTIONS) return true;
  // No other page has this client's id: an abandoned socket of this page reached the server late and replaced this one.
  if (code === REPLACED) return hasStray;
  return closing?.reconnect ?? mayReconnect(code);
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
