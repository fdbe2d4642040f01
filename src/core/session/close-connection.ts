import { type CloseReason, closingFrame } from "./close-reason.ts";
import type { ConnectionEffect, ConnectionStep } from "./connection-state.ts";
import { log, send } from "./effects.ts";

/** The state of a connection that has ended. */
export const CLOSED = { phase: "closed" } as const;

/** The step that ends a connection: sends the `error` frame if there is one, then the `closing` frame, and closes. */
export function closeConnection(ending: CloseReason): ConnectionStep {
  const { code, reason, error, retryAfter } = ending;
  const effects: ConnectionEffect[] = [
    log({ event: "connection.closing", close_code: code, ...(error && { code: error.code }) }),
  ];
  if (error !== undefined) {
    effects.push(
      send({ type: "error", ...error, ...(retryAfter !== undefined && { retry_after: retryAfter }) }),
    );
  }
  effects.push(send(closingFrame(ending)), { type: "close", code, reason });
  return { session: CLOSED, effects };
}
