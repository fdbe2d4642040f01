// The building blocks of a step's effects.
import type { ServerFrame } from "../../protocol/server-frames.ts";
import { type CloseReason, closingFrame } from "./close-reason.ts";
import type { Effect, SessionLogEvent, Step } from "./state.ts";

/** No effects; one list for all, since most events have none. */
export const NO_EFFECTS: readonly Effect[] = [];

/** Sends one frame. */
export function send(frame: ServerFrame): Effect {
  return { type: "send", frame };
}

/** Writes one line to the log. */
export function log(event: SessionLogEvent): Effect {
  return { type: "note", note: event };
}

/** Ends the connection: says why where there is a fault, announces the close, and closes. */
export function closeSession(ending: CloseReason): Step {
  const { code, reason, error, retryAfter } = ending;
  const effects: Effect[] = [
    log({ event: "connection.closing", close_code: code, ...(error && { code: error.code }) }),
  ];
  if (error !== undefined) {
    const { code, message } = error;
    effects.push(
      send({ type: "error", code, message, ...(retryAfter !== undefined && { retry_after: retryAfter }) }),
    );
  }
  effects.push(send(closingFrame(ending)), { type: "close", code, reason });
  return { session: { phase: "closed" }, effects };
}

/** `14 ms`, `1.5 s`, `12 min`: for people; the exact figure stands in a field of its own. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.ceil(milliseconds)} ms`;
  if (milliseconds < 120_000) return `${Math.ceil(milliseconds / 100) / 10} s`;
  return `${Math.ceil(milliseconds / 60_000)} min`;
}
