// Close codes in two ranges (RFC 6455 §7.4). A client can act on the range without knowing each code:
//
//   1xxx  registered: reconnect with back-off, and resume
//   44xx  like HTTP's 4xx: change something before you reconnect
//
// Some registered codes are final too, those for errors in the client's frames. The cause of one code of the second range
// can end by itself (4409). Its `closing` frame says when to reconnect, which counts more than the range.

export interface CloseCodeEntry {
  /** Short reason, sent in the close frame and in `closing`. */
  readonly reason: string;
  /** Advice for the user. */
  readonly advice: string;
  /** The cause may end without a change by the client: when `closing.retry_after` is given, the client reconnects after it. */
  readonly passes?: true;
}

export const CLOSE_CODES = {
  1000: {
    reason: "normal closure",
    advice: "The connection was closed on purpose. Reconnect whenever you like.",
  },
  1001: { reason: "going away", advice: "The server or the page is going away. Reconnect in a moment." },
  1002: {
    reason: "protocol error",
    advice: "The client broke the WebSocket protocol. Use another WebSocket library.",
  },
  1003: { reason: "text frames only", advice: "Binary frames are not accepted. Send JSON as text." },
  1006: {
    reason: "connection lost",
    advice: "The network failed, or the server refused the handshake. Reconnect.",
  },
  1007: { reason: "invalid UTF-8", advice: "Text frames must be valid UTF-8." },
  1009: { reason: "frame too large", advice: "Send frames of at most 64 KiB." },
  1011: {
    reason: "internal error",
    advice: "An unexpected error happened in the server. Reconnect in a moment.",
  },
  1012: {
    reason: "restarting",
    advice: "The server restarts. Reconnect after the time in `closing.retry_after`.",
  },
  1013: {
    reason: "too slow or overloaded",
    advice:
      "Messages came faster than they were read, or the store did not answer. Reconnect in a moment, and resume.",
  },
  4400: { reason: "bad address", advice: "Check user, conversation and parameters in the socket's address." },
  4401: { reason: "token not valid", advice: "Sign in again, then reconnect with the new token." },
  4403: { reason: "forbidden", advice: "The token does not allow this address." },
  4404: {
    reason: "removed",
    advice:
      "The conversation was removed. Forget its messages and its epoch; to start a new one under its name, open it without them.",
  },
  4408: {
    reason: "inactive",
    advice: "There was no activity for too long. Reconnect when you are back.",
  },
  4409: {
    reason: "too many connections",
    advice:
      "The plan allows this user no more connections now. Reconnect after `closing.retry_after` seconds, or close another one.",
    passes: true,
  },
  4410: {
    reason: "replaced",
    advice: "A newer connection of the same client has taken its place. Use that one.",
  },
  4413: { reason: "too large", advice: "The request is larger than the server accepts." },
  4429: {
    reason: "flooding",
    advice: "Frames were sent too fast in spite of warnings. Slow down, then reconnect.",
  },
} as const satisfies Record<number, CloseCodeEntry>;

export type CloseCode = keyof typeof CLOSE_CODES;

/** The registered codes after which a client must not reconnect. Parley sends neither 1008 nor 1010; a proxy or a library may. */
export const FINAL_REGISTERED: readonly number[] = [1000, 1002, 1003, 1007, 1008, 1009, 1010];

/** Returns whether a client should reconnect on its own after `code`. Unknown codes are decided by their range. */
export function mayReconnect(code: number): boolean {
  return code < 4000 ? !FINAL_REGISTERED.includes(code) : code < 4400 || code > 4499;
}

/** As `mayReconnect`, for one close. `retryAfter` is that of its `closing` frame, in seconds, if it had one. */
export function shouldReconnect(code: number, retryAfter: number | undefined): boolean {
  return mayReconnect(code) || (retryAfter !== undefined && describeClose(code).passes === true);
}

/** The entry for `code`, or a general one by its range. */
export function describeClose(code: number): CloseCodeEntry {
  const entry = (CLOSE_CODES as Record<number, CloseCodeEntry>)[code];
  if (entry !== undefined) return entry;
  return mayReconnect(code)
    ? { reason: `closed (${code})`, advice: "Reconnect in a moment." }
    : { reason: `refused (${code})`, advice: "Something must change before a new connection can succeed." };
}
