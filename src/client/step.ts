import { describeClose, mayReconnect } from "../protocol/close-codes.ts";
import { backoff, waitFor } from "./backoff.ts";
import { STEADY_AFTER } from "./options.ts";
import type { Closed, Connecting, Event, State, Step } from "./state.ts";

/** Close code of a token that is not (or no longer) good. */
const TOKEN_REFUSED = 4401;

/** Close code of a conversation in which nothing was done for a while. */
const INACTIVE = 4408;

/** The state of a conversation that was just opened; its first effect is a dial. */
export const FIRST_STATE: Connecting = { at: "connecting", attempt: 0, fresh: false };

/** Closed for inactivity only: whatever the user does next opens it again, so nothing that waits is given up. */
export function isAsleep(state: State): boolean {
  return state.at === "closed" && state.code === INACTIVE;
}

/** Whether a socket is open and let in. */
export function isInTouch(state: State): boolean {
  return state.at === "live" || state.at === "resuming" || state.at === "degraded";
}

/**
 * One step of a connection: what `event` makes of `state` at `now` (milliseconds since 1970), and what is to be done.
 *
 * An event that has no meaning in the present state, such as a frame that was under way at a close, changes nothing.
 */
export function step(state: State, event: Event, now: number): Step {
  switch (event.type) {
    case "open":
      return state.at === "closed" || state.at === "waiting" ? dial(0) : still(state);
    case "close":
      return state.at === "closed" ? still(state) : close(1000, "closed here", "hang_up");
    case "welcome":
      return state.at === "connecting"
        ? still({ at: event.behind ? "resuming" : "live", attempt: state.attempt, since: now })
        : still(state);
    case "behind":
      return still(state.at === "live" ? { ...state, at: "resuming" } : state);
    case "caught_up":
      return still(state.at === "resuming" ? { ...state, at: "live" } : state);
    case "degraded":
      return still(
        state.at === "live" || state.at === "resuming" || state.at === "degraded"
          ? { ...state, at: "degraded", reason: event.reason }
          : state,
      );
    case "recovered": {
      if (state.at !== "degraded") return still(state);
      const { reason: _, ...rest } = state;
      return still({ ...rest, at: "live" });
    }
    case "closing":
      return still(
        state.at === "waiting" || state.at === "closed" ? state : { ...state, farewell: event.farewell },
      );
    case "line_lost":
      return onLineLost(state, event, now);
    case "token_failed":
      return state.at === "connecting"
        ? wait(state.attempt, now + backoff(state.attempt, event.random), event.reason, false)
        : still(state);
    case "token_missing":
      return state.at === "connecting" ? close(TOKEN_REFUSED, event.reason) : still(state);
    case "time_up":
      return state.at === "waiting" ? dial(state.attempt) : still(state);
    case "wake":
      // The server spread its clients over a time; those whose screen lights up must not all come at once.
      if (state.at === "waiting") return state.firm ? still(state) : dial(state.attempt);
      return probe(state);
    case "offline":
      return probe(state);
    default:
      event satisfies never;
      return still(state);
  }
}

function onLineLost(state: State, event: Event & { type: "line_lost" }, now: number): Step {
  if (state.at === "waiting" || state.at === "closed") return still(state);
  const { farewell } = state;
  // A line that is cut right after `closing` shows 1006, which would say less than the server has said.
  const code = farewell?.code ?? event.code;
  const reason = farewell?.reason || event.reason || describeClose(code).reason;
  const isSteady = state.at !== "connecting" && now - state.since >= STEADY_AFTER;
  const attempt = isSteady ? 0 : state.attempt;
  if (code === TOKEN_REFUSED && event.renewable && !(state.at === "connecting" && state.fresh)) {
    return { state: { at: "connecting", attempt, fresh: true }, effects: [{ do: "dial", fresh: true }] };
  }
  if (!(farewell?.reconnect ?? mayReconnect(code))) return close(code, reason);
  const until = now + waitFor(farewell?.after, attempt, event.random);
  return wait(attempt, until, reason, farewell?.after !== undefined);
}

function still(state: State): Step {
  return { state, effects: [] };
}

function dial(attempt: number): Step {
  return { state: { ...FIRST_STATE, attempt }, effects: [{ do: "dial", fresh: false }] };
}

function wait(attempt: number, until: number, reason: string, firm: boolean): Step {
  const state = { at: "waiting", until, reason, firm, attempt: attempt + 1 } as const;
  return { state, effects: [{ do: "wait", until }] };
}

function close(code: number, reason: string, effect?: "hang_up"): Step {
  const state: Closed = { at: "closed", code, reason, advice: describeClose(code).advice };
  return { state, effects: effect === undefined ? [] : [{ do: effect }] };
}

function probe(state: State): Step {
  return { state, effects: isInTouch(state) ? [{ do: "probe" }] : [] };
}
