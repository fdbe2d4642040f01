import { mayReconnect } from "../../protocol/close-codes.ts";
import { BACKOFF_EARLY_MAX_MS, BACKOFF_RESET_AFTER_MS } from "../options.ts";
import { backoff } from "./backoff.ts";
import type { Advice, ClosingNotice, LineEffect, LineEvent, LineState, LineStep } from "./state.ts";

/** Close code of a token that is invalid or expired. */
const TOKEN_REFUSED = 4401;

/** Close code of a connection that was inactive for too long. */
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

/** The state before the first use. */
export const IDLE: LineState = { state: "idle", attempt: 0 };

/** Whether the next use opens the line: nothing has used it, or it is closed for inactivity. What is pending is kept. */
export function isIdle(state: LineState): boolean {
  return state.state === "idle" || (state.state === "closed" && state.code === INACTIVE);
}

/** Whether a socket is open and has received `welcome`. */
export function isConnected({ state }: LineState): boolean {
  return state === "live" || state === "degraded";
}

/**
 * One step of the line: returns the state after `event` at `now` (milliseconds since 1970, used for display only), and the
 * effects to carry out. `random` is from 0 up to 1, for the back-off.
 *
 * An event that has no meaning in the current state, such as a frame that was in flight at a close, changes nothing.
 */
export function step(state: LineState, event: LineEvent, now: number, random: number): LineStep {
  const unchanged = { state, effects: [] };
  const { state: at, attempt, fresh } = state;
  const probed: LineStep = isConnected(state) ? { state, effects: [{ type: "probe" }] } : unchanged;
  switch (event.type) {
    case "use":
      return isIdle(state) ? dial(0) : unchanged;
    case "reconnect":
      return dial(0, false, [{ type: "close" }]);
    case "close":
      return at === "closed" && !isIdle(state) ? unchanged : close(1000, "closed here", [{ type: "close" }]);
    case "offline":
      return probed;
    case "wake":
      // The server spread the reconnects of its clients over time; pages that become visible must not all reconnect at once.
      if (at !== "waiting") return probed;
      return state.firm ? unchanged : dial(attempt, fresh);
    case "timer":
      if (at !== "waiting") return unchanged;
      return event.used ? dial(attempt, fresh) : { state: IDLE, effects: [] };
    case "token_failed":
      if (at !== "connecting") return unchanged;
      return wait(attempt, now, backoff(attempt, random), { reason: event.reason });
    case "token_missing":
      return at === "connecting" ? close(TOKEN_REFUSED, event.reason) : unchanged;
    case "connection_lost":
      return at === "connecting" || isConnected(state)
        ? onConnectionLost(state, event, now, random)
        : unchanged;
    default:
      return { state: onFrame(state, event), effects: [] };
  }
}

type FrameEvent = Extract<LineEvent, { type: "welcome" | "degraded" | "recovered" | "closing" }>;

/** Returns the state after a frame of the server. Frames have no effects. */
function onFrame(state: LineState, event: FrameEvent): LineState {
  const { attempt, closing } = state;
  const isConnecting = state.state === "connecting";
  if (event.type === "closing")
    return isConnecting || isConnected(state) ? { ...state, closing: event.closing } : state;
  if (event.type === "welcome" ? !isConnecting : !isConnected(state)) return state;
  return event.type === "degraded"
    ? { state: "degraded", reason: event.reason, attempt, closing }
    : { state: "live", attempt, closing };
}

function onConnectionLost(
  state: LineState,
  event: LineEvent & { type: "connection_lost" },
  now: number,
  random: number,
): LineStep {
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

function dial(attempt: number, fresh = false, before: readonly LineEffect[] = []): LineStep {
  return { state: { state: "connecting", attempt, fresh }, effects: [...before, { type: "dial", fresh }] };
}

function wait(
  attempt: number,
  now: number,
  milliseconds: number,
  {
    code = 1006,
    reason,
    fresh = false,
    firm = false,
  }: { readonly code?: number; readonly reason: string; readonly fresh?: boolean; readonly firm?: boolean },
): LineStep {
  const until = now + milliseconds;
  return {
    state: { state: "waiting", until, code, reason, fresh, firm, attempt: attempt + 1 },
    effects: [{ type: "wait", milliseconds }],
  };
}

function close(code: number, reason: string, effects: readonly LineEffect[] = []): LineStep {
  return { state: { state: "closed", code, reason, advice: ADVICE[code] ?? "change", attempt: 0 }, effects };
}
