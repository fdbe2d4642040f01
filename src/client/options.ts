// The defaults of the options, and other bounds, each with its unit and its reason. types/options.ts has the options.

/** Longest wait before the first new attempt, in milliseconds: a server that lost 5,000 clients then gets 1,700 handshakes a second, half a core. */
export const BACKOFF_INITIAL_MS = 3_000;

/** Longest wait before any new attempt, in milliseconds: all clients reconnect well within half a minute after the server is back. */
export const BACKOFF_MAX_MS = 24_000;

/** The same for the first `BACKOFF_EARLY_ATTEMPTS`, and for a user with too many connections: after an outage of 10 s no client should wait 20 s more. */
export const BACKOFF_EARLY_MAX_MS = 8_000;

/** How many attempts use `BACKOFF_EARLY_MAX_MS`: a minute, at 4 s on average. */
export const BACKOFF_EARLY_ATTEMPTS = 16;

/** How long a connection must have lasted, in milliseconds, before the next wait is short again: one that drops at once would otherwise be reopened in a loop. */
export const BACKOFF_RESET_AFTER_MS = 1_000;

/** Silence after which a `ping` is sent, in milliseconds. Shorter than the 30 s after which some routers drop an idle connection. */
export const PING_IDLE_MS = 20_000;

/** How long the server may take to reply to a `ping`, in milliseconds: slow mobile networks need 2 s. */
export const PONG_TIMEOUT_MS = 5_000;

/** How long a socket may take to receive `welcome`, in milliseconds: slow TLS, busy store. */
export const WELCOME_TIMEOUT_MS = 10_000;

/** How long a request may wait for its reply on an open connection, in milliseconds, before the connection is dropped and all requests are sent again. A server whose store does not respond rejects a request within a few seconds. */
export const REPLY_TIMEOUT_MS = 30_000;

/** How long the token function may take, in milliseconds: a server that checks many passwords at once queues sign-ins. */
export const TOKEN_TIMEOUT_MS = 30_000;

/** How long one call of the storage may take, in milliseconds: a slow phone opens a database in 2 s. */
export const STORAGE_TIMEOUT_MS = 5_000;

/** Most messages that wait for their ack. Beyond that, `send` rejects with `outbox_full`. */
export const MAX_PENDING = 1_000;

/** Most messages that are queued for a `for await` loop; further ones are read again from the server once the loop reaches them. */
export const MAX_QUEUED = 1_000;

/** Most messages kept that arrived before a missing one; further ones are read from the history together with it. */
export const MAX_OUT_OF_ORDER = 500;

/** Requests a second over a longer time: below the server's BURST_RATE of 20, which counts other frames too. */
export const SEND_RATE = 15;

/** Requests at once: below the server's BURST_SIZE of 40. */
export const SEND_BURST = 30;

/** Shortest time between two `typing` frames, in milliseconds. The server ends a user's typing after 6 s without one. */
export const TYPING_INTERVAL_MS = 3_000;

/** How long before it expires a token stops being used for new connections, in milliseconds: it must outlast the handshake. A short-lived token is used for three quarters of its lifetime. */
export const TOKEN_REFRESH_MARGIN_MS = 5_000;

/** How long a conversation stays open after its last use, in milliseconds: a page that changes its view does not close it. */
export const USE_GRACE_MS = 1_000;

/** How long a `close` waits for those of other conversations, in milliseconds. */
export const CLOSE_DELAY_MS = 20;

/** Most conversations that one `open` or `close` frame names. */
export const MAX_OPEN_NAMES = 64;
