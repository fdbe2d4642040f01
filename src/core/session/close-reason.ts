import { CLOSE_CODES, type CloseCode, shouldReconnect } from "../../protocol/close-codes.ts";
import { type ErrorCode, errorEntry } from "../../protocol/errors.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";

/** Why the server ends a connection, and what it says before it does. */
export interface CloseReason {
  readonly code: CloseCode;
  /** At most 123 bytes of UTF-8 (RFC 6455 §5.5); never anything a client sent. */
  readonly reason: string;
  /** The `error` frame that comes first, when a fault is the cause. */
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  /** When to come back, in seconds; the `error` says it as `retry_after`. */
  readonly retryAfter?: number;
}

/** The ending for a close code, with its catalogued reason. */
export function closeReason(code: CloseCode, error?: CloseReason["error"], retryAfter?: number): CloseReason {
  return {
    code,
    reason: CLOSE_CODES[code].reason,
    ...(error !== undefined && { error }),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

/**
 * When to come back where a plan is full, in seconds. A connection that ends gives its place back at once; those of a
 * node that died, or whose line is dead, within NODE_LEASE or PING_INTERVAL and PONG_TIMEOUT.
 */
export const FULL_PLAN_RETRY_S = 5;

/** The ending for an error that ends a connection, as the catalogue has it. */
export function closeReasonForError(code: ErrorCode, message: string): CloseReason {
  const retryAfter = code === "too_many_connections" ? FULL_PLAN_RETRY_S : undefined;
  return closeReason(errorEntry(code).close as CloseCode, { code, message }, retryAfter);
}

/** The ending of a connection whose place a newer one of the same client has taken. */
export const REPLACED: CloseReason = closeReason(4410);

/** Whether a connection that the server ended with `code` was ended for a reason of the server's, and not of the client's. */
export function isServerSideClose(code: number): boolean {
  return code === 1011 || code === 1012 || code === 1013;
}

/** The ending of a connection whose conversation was removed, also of one that comes back to it (MB6). */
export const REMOVED: CloseReason = closeReason(4404, {
  code: "removed",
  message: "This conversation was removed. Forget what you have of it; without an `epoch` it begins anew.",
});

/** The `closing` frame that announces an ending. */
export function closingFrame(ending: CloseReason): ServerFrameOf<"closing"> {
  const { code, reason, retryAfter } = ending;
  return {
    type: "closing",
    code,
    reason,
    reconnect: shouldReconnect(code, retryAfter),
    ...(retryAfter !== undefined && { retry_after: retryAfter }),
  };
}
