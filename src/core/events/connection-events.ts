import type { EventDefinitions } from "./definition.ts";

/** Events of sockets and of HTTP requests. */
export const CONNECTION_EVENTS = {
  "handshake.refused": {
    level: "warn",
    fields: ["address", "code", "reason?"],
    text: "a socket was refused before the upgrade: malformed, foreign origin, too many",
    thinned: true,
  },
  "connection.opened": {
    level: "info",
    fields: ["connection", "user", "conversation?", "address", "plan"],
    text: "a client is connected and has got its `welcome`",
    thinned: true,
  },
  "connection.closed": {
    level: "info",
    fields: ["connection", "user", "conversation?", "address", "close_code", "reason", "seconds"],
    text: "a connection has ended, after `seconds`",
    thinned: true,
  },
  "connection.rejected": {
    level: "warn",
    fields: ["connection", "user", "conversation?", "address", "code", "reason"],
    text: "a socket was opened and refused: the token is not valid, or not for this address, or the user has too many connections",
    thinned: true,
  },
  "connection.closing": {
    level: "warn",
    fields: ["connection", "user", "conversation?", "address", "close_code", "code?"],
    text: "the server ends a connection; `close_code` says why",
    thinned: true,
  },
  "conversation.closed": {
    level: "warn",
    fields: ["connection", "user", "conversation?", "address", "code"],
    text: "the server closes a conversation on the socket of a user, which stays open; `code` says why",
    thinned: true,
  },
  "connection.timed_out": {
    level: "warn",
    fields: ["connection", "user", "conversation?", "address"],
    text: "a client answered no ping",
    thinned: true,
  },
  "connection.failed": {
    level: "error",
    fields: ["connection", "user", "conversation?", "address", "id?", "error"],
    text: "an internal error ended a connection; the client got the `id`. Please report it",
    urgent: true,
    thinned: true,
  },
  "frame.refused": {
    level: "warn",
    fields: ["connection", "user", "conversation?", "address", "code", "reason"],
    text: "a frame is malformed, wrong or not allowed",
    thinned: true,
  },
  "limit.rate": {
    level: "warn",
    fields: ["connection", "user", "conversation?", "address", "retry_after"],
    text: "more requests than the plan allows",
    thinned: true,
  },
  "limit.flooding": {
    level: "warn",
    fields: ["connection", "user", "conversation?", "address"],
    text: "frames come faster than `BURST_RATE`",
    thinned: true,
  },
  "inactivity.warned": {
    level: "warn",
    fields: ["connection", "user", "conversation?", "address", "seconds"],
    text: "the connection is inactive and will be closed in `seconds`",
    thinned: true,
  },
  "token.expiring": {
    level: "warn",
    fields: ["connection", "user", "conversation?", "address", "seconds"],
    text: "the token of an open connection ends in `seconds`",
    thinned: true,
  },
  "token.renewal_refused": {
    level: "warn",
    fields: ["connection", "user", "conversation?", "address", "code"],
    text: "a client sent a new token that is not valid",
    thinned: true,
  },
  "test.fault_injected": {
    level: "warn",
    fields: ["connection", "user", "conversation?", "address", "fault"],
    text: "a client asked for a [fault](TESTING.md#faults) on a connection of its own",
    thinned: true,
  },
  "request.refused": {
    level: "warn",
    fields: ["address", "path?", "user?", "key?", "conversation?", "code", "reason?"],
    text: "an HTTP request without the right",
    thinned: true,
  },
  "request.invalid": {
    level: "warn",
    fields: ["address", "path?", "user?", "key?", "conversation?", "code", "invalid_fields?"],
    text: "an HTTP request with wrong fields, or a wrong body",
    thinned: true,
  },
  "request.aborted": {
    level: "debug",
    fields: ["address", "method", "path"],
    text: "a client hung up before the body of its request was complete",
    thinned: true,
  },
  "inbox.failed": {
    level: "error",
    fields: ["error"],
    text: "an internal error while inboxes were read; they are read again. Please report it",
    urgent: true,
    thinned: true,
  },
  "request.failed": {
    level: "error",
    fields: ["id?", "method?", "path?", "address?", "error"],
    text: "an internal error while an HTTP request was handled; the client got the `id`. Please report it",
    urgent: true,
    thinned: true,
  },
  "limit.requests": {
    level: "warn",
    fields: ["user?", "key?", "address", "path"],
    text: "HTTP requests come faster than `BURST_RATE`",
    thinned: true,
  },
} as const satisfies EventDefinitions;
