import { CLOSE_CODES, type CloseCode, shouldReconnect } from "../../protocol/close-codes.ts";
import { type ErrorCode, errorEntry } from "../../protocol/errors.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import { isGivenName } from "../members/names.ts";

/** Why the server ends a connection, and the frames that it sends before. */
export interface CloseReason {
  readonly code: CloseCode;
  /** At most 123 bytes of UTF-8 (RFC 6455 §5.5). MUST NOT contain text from a client. */
  readonly reason: string;
  /** The `error` frame that is sent first, when the connection ends with an error. */
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    /** When a ban ends, in milliseconds since 1970. */
    readonly until?: number;
    /** Why the operator's approval refused it. */
    readonly reason?: string;
  };
  /** When to reconnect, in seconds. The `error` and `closing` frames carry it as `retry_after`. */
  readonly retryAfter?: number;
}

/** Returns the close reason for a close code, with the text of the catalogue. */
export function closeReason(code: CloseCode, error?: CloseReason["error"], retryAfter?: number): CloseReason {
  return {
    code,
    reason: CLOSE_CODES[code].reason,
    ...(error !== undefined && { error }),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

/**
 * When to reconnect where the plan allows no more connections, in seconds. A connection that ends releases its place at
 * once. The places of a node that died are released after NODE_LEASE, and that of a dead peer after PING_INTERVAL and
 * PONG_TIMEOUT.
 */
export const FULL_PLAN_RETRY_S = 5;

/** Returns the close reason for an error that ends a connection, with the close code of the catalogue. */
export function closeReasonForError(code: ErrorCode, message: string): CloseReason {
  const retryAfter = code === "too_many_connections" ? FULL_PLAN_RETRY_S : undefined;
  return closeReason(errorEntry(code).close as CloseCode, { code, message }, retryAfter);
}

/** For a connection that a newer connection of the same client has replaced. */
export const REPLACED: CloseReason = closeReason(4410);

/** Returns whether `code` names a cause in the server, and not in what the client did. */
export function isServerSideClose(code: number): boolean {
  return code === 1011 || code === 1012 || code === 1013;
}

const REMOVED: CloseReason = closeReason(4404, {
  code: "removed",
  message:
    "This conversation was removed. Delete the messages you have of it; open it without an `epoch` to start a new one.",
});

// Only the server gives these names, and it gives none of them twice.
const REMOVED_FOR_GOOD: CloseReason = closeReason(4404, {
  code: "removed",
  message: "This conversation was removed. Delete the messages you have of it.",
});

/**
 * Returns the close reason for a connection whose conversation was removed, also when it reconnects with the epoch of the
 * removed one (MB6).
 */
export function closeForRemoval(conversation: string): CloseReason {
  return isGivenName(conversation) ? REMOVED_FOR_GOOD : REMOVED;
}

/** Returns the `closing` frame for a close reason. */
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
