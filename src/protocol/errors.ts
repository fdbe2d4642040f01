// The catalogue of all errors. `docs/ERRORS.md` is generated from it, and a test compares the two.

/** The kinds of errors, by which logs and documents group them. */
export type ErrorCategory =
  | "authentication"
  | "rate limit"
  | "inactivity"
  | "invalid connection"
  | "validation"
  | "message parsing"
  | "server";

export interface ErrorEntry {
  readonly category: ErrorCategory;
  /** Status of the HTTP response with this code. */
  readonly http: number;
  /** Close code, when the error also ends the socket. */
  readonly close?: number;
  /** On the socket of a user the error ends one conversation, and the socket stays open. */
  readonly endsConversation?: true;
  /** What happened, for the person who reads it. */
  readonly what: string;
  /** What to do about it. */
  readonly advice: string;
}

export const ERRORS = {
  malformed: {
    category: "message parsing",
    http: 400,
    what: "The frame or body is not a JSON object with a `type`.",
    advice: "Send each frame as one JSON text with a `type`. The socket stays open.",
  },
  unknown_type: {
    category: "message parsing",
    http: 400,
    what: "The frame's `type` is not one the server knows.",
    advice: "Check the spelling against docs/FRAMES.md. The socket stays open.",
  },
  invalid: {
    category: "validation",
    http: 422,
    what: "A field is missing or has a wrong value; the message names it.",
    advice: "Correct the field and send again. Nothing was charged, and the socket stays open.",
  },
  too_large: {
    category: "validation",
    http: 413,
    close: 1009,
    what: "The frame or body is larger, deeper or longer than the server accepts.",
    advice: "Send less at once: frames up to 64 KiB, `data` up to 16 levels and 4,096 values.",
  },
  bad_address: {
    category: "invalid connection",
    http: 400,
    close: 4400,
    what: "The address is wrong: user, conversation, stream or a query parameter.",
    advice:
      "Correct what the message names. A socket's address is /ws/{user_id}/{conversation_id}?token=… or /ws/{user_id}?token=…, with ids of 1–128 characters of A-Z a-z 0-9 . _ : @ -, and not `.` or `..`.",
  },
  bad_request: {
    category: "invalid connection",
    http: 400,
    what: "The HTTP request is not one that RFC 6455 or this server's address allows.",
    advice: "Use a WebSocket library, and offer the subprotocol `parley.v1` if you offer any.",
  },
  upgrade_required: {
    category: "invalid connection",
    http: 426,
    what: "This address speaks WebSocket (version 13) only.",
    advice: "Open it with a WebSocket client (ws:// or wss://), not with plain HTTP.",
  },
  method_not_allowed: {
    category: "invalid connection",
    http: 405,
    what: "This address does not answer that HTTP method.",
    advice: "Use the method named in the `Allow` field.",
  },
  origin_refused: {
    category: "invalid connection",
    http: 403,
    what: "The origin of the page, or the `Host` of the request, is not on the server's list of origins.",
    advice: "Add the page's origin (scheme://host:port) to ALLOWED_ORIGINS.",
  },
  address_too_long: {
    category: "invalid connection",
    http: 414,
    what: "The address at which a socket is to be opened is longer than 8 KiB.",
    advice:
      "Send the token in an `Authorization` field or in a first `token` frame, or a ticket in its place.",
  },
  not_found: {
    category: "invalid connection",
    http: 404,
    what: "There is nothing at this address: no such path, conversation or user.",
    advice: "Check the names in it; docs/HTTP.md has the addresses that the server answers.",
  },
  removed: {
    category: "invalid connection",
    http: 410,
    close: 4404,
    endsConversation: true,
    what: "The conversation was removed; one that has its name now is another conversation.",
    advice:
      "Delete the messages and the `epoch` you have of it. Open it without an `epoch` to start a new one under its name, unless that begins with `_`.",
  },
  behind: {
    category: "server",
    http: 503,
    endsConversation: true,
    what: "Messages of this conversation came faster than they were read, or could not be read from the store.",
    advice: "Open the conversation again after `retry_after` seconds, with `after`.",
  },
  new_epoch: {
    category: "server",
    http: 503,
    endsConversation: true,
    what: "The store has lost messages of this conversation.",
    advice: "Open the conversation again after `retry_after` seconds; `opened` says what is left.",
  },
  too_many_conversations: {
    category: "rate limit",
    http: 429,
    what: "As many conversations are open on this socket as may be.",
    advice:
      "Close a conversation first. `welcome.limits.conversations` has the number (MAX_OPEN_CONVERSATIONS).",
  },
  too_many_handshakes: {
    category: "rate limit",
    http: 429,
    what: "Too many connections were opened from this network address in a short time.",
    advice: "Wait for `Retry-After` seconds, and reuse sockets instead of opening new ones.",
  },
  too_many_connections: {
    category: "rate limit",
    http: 429,
    close: 4409,
    what: "The user has as many connections open as the plan allows.",
    advice:
      "Reconnect after `closing.retry_after` seconds, close another connection of this user, or move the user to a larger plan.",
  },
  unauthorized: {
    category: "authentication",
    http: 401,
    close: 4401,
    what: "There is no valid credential: the user name or password is wrong, or the token or ticket is missing, damaged, used already or of another issuer.",
    advice: "Sign in at POST /token and open the socket with the new token.",
  },
  token_expired: {
    category: "authentication",
    http: 401,
    close: 4401,
    what: "The token has expired.",
    advice:
      "Sign in again at POST /token. A connection stays open if a new token comes in a `token` frame before the end.",
  },
  token_revoked: {
    category: "authentication",
    http: 401,
    close: 4401,
    what: "The token was signed out, or all tokens of its user were.",
    advice: "Sign in again at POST /token.",
  },
  forbidden: {
    category: "authentication",
    http: 403,
    close: 4403,
    endsConversation: true,
    what: "The credential is valid, but does not allow this; the message names the missing right or role.",
    advice:
      "Use the address of the token's own user, and a token for this conversation and with this right; a disabled account must be enabled by an operator. An owner of the conversation gives roles in it.",
  },
  muted: {
    category: "authentication",
    http: 403,
    what: "The user is muted in this conversation: it may read and not write.",
    advice: "Wait until `until`; without one, only a moderator of the conversation ends the mute.",
  },
  banned: {
    category: "authentication",
    http: 403,
    close: 4403,
    endsConversation: true,
    what: "The user is banned from this conversation.",
    advice: "Wait until `until`; without one, only a moderator of the conversation ends the ban.",
  },
  conflict: {
    category: "validation",
    http: 409,
    what: "What the request assumes is not so, for example that nobody edited the message since, that an `id` is unused, or that a conversation keeps an owner; the message says what is.",
    advice: "Read the present state, and decide again.",
  },
  rejected: {
    category: "validation",
    http: 422,
    close: 4403,
    what: "The operator's approval refused what was sent, or the opening of the conversation.",
    advice:
      "Show the `reason`, if there is one. Sending the same again asks again; nothing was charged or stored, but with `seq` a stream has become that message, which is erased.",
  },
  erased: {
    category: "validation",
    http: 410,
    what: "The message was erased: it has no content that could be changed.",
    advice: "Show it as erased. Do not send the change again.",
  },
  too_late: {
    category: "validation",
    http: 403,
    what: "The message is older than messages may be that their own users edit or erase.",
    advice:
      "`welcome.limits.edit_seconds` has the time (EDIT_SECONDS). A moderator can still erase the message.",
  },
  fenced: {
    category: "validation",
    http: 409,
    what: "Another writer has taken the stream over, or the server has ended it.",
    advice:
      "Stop writing: what you send to this stream is not stored any more. With `seq` it has become that message.",
  },
  too_many_streams: {
    category: "rate limit",
    http: 429,
    what: "As many streams of this user are open as may be.",
    advice: "End a stream first. `welcome.limits.streams` has the number.",
  },
  rate_limited: {
    category: "rate limit",
    http: 429,
    what: "The user's plan allows no more requests in this hour.",
    advice: "Wait for `retry_after` seconds. The socket stays open and still receives.",
  },
  busy: {
    category: "rate limit",
    http: 429,
    close: 1013,
    what: "The request asks for too much at once, or for messages that were sent to this user a moment ago.",
    advice:
      "Wait for `retry_after` seconds and ask again; keep the messages you have, and reconnect with `after`.",
  },
  too_many_attempts: {
    category: "rate limit",
    http: 429,
    what: "Too many sign-ins were tried for this account or from this address, or too many refreshes in a row.",
    advice: "Wait for `Retry-After` seconds before you try again.",
  },
  flooding: {
    category: "rate limit",
    http: 429,
    close: 4429,
    what: "Frames or requests came faster than the burst limit for too long.",
    advice:
      "Send at most 20 frames or requests a second (BURST_RATE), slow down at a `flooding` warning, and wait for `Retry-After`.",
  },
  inactive: {
    category: "inactivity",
    http: 408,
    close: 4408,
    what: "There was no activity on this connection for the whole inactivity time-out.",
    advice: "Reconnect when the user is back; an `activity` frame after the warning keeps a connection open.",
  },
  unavailable: {
    category: "server",
    http: 503,
    close: 1013,
    what: "The server cannot do this now: it is full, shutting down, its store is unavailable, or its operator's approval gives no answer.",
    advice:
      "The message says which. Try again after `Retry-After` or `retry_after` seconds; a message repeated under its `id` is never stored twice.",
  },
  internal: {
    category: "server",
    http: 500,
    close: 1011,
    what: "An unexpected error happened in the server.",
    advice: "Try again later. Give the operator the id in the message, under which the error is logged.",
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** The catalogue's entry for `code`, in its general form. */
export function errorEntry(code: ErrorCode): ErrorEntry {
  return ERRORS[code];
}
