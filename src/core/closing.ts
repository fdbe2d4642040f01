import { CLOSE_CODES, type CloseCode, mayReconnect } from "../protocol/close-codes.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import type { ServerFrameOf } from "../protocol/server-frames.ts";

/** Why the server ends a connection, and what it says before it does. */
export interface Ending {
  readonly code: CloseCode;
  /** At most 123 bytes of UTF-8 (RFC 6455 §5.5); never anything a client sent. */
  readonly reason: string;
  /** The `error` frame that comes first, when a fault is the cause. */
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  /** When to come back, in seconds. */
  readonly after?: number;
}

/** The ending for a close code, with its catalogued reason. */
export function endingFor(code: CloseCode, error?: Ending["error"], after?: number): Ending {
  return {
    code,
    reason: CLOSE_CODES[code].reason,
    ...(error !== undefined && { error }),
    ...(after !== undefined && { after }),
  };
}

/** The `closing` frame that announces an ending. */
export function closingFrame(ending: Ending): ServerFrameOf<"closing"> {
  const { code, reason, after } = ending;
  return {
    type: "closing",
    code,
    reason,
    reconnect: mayReconnect(code),
    ...(after !== undefined && { after }),
  };
}
