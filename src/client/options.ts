// The options and their defaults, each with its unit and its reason.

import type { Timing } from "./timing.ts";

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

/** A message that is not acked yet, as it was passed to `send`. */
export interface Pending {
  readonly id: string;
  readonly text: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/**
 * Stores messages that are not acked yet, so that a closed tab or a killed program loses none.
 *
 * `key` is `user/conversation`: one user's messages are never sent as another user. Messages sent before the first token
 * names a user are stored under `/conversation`, and are sent as the user who signs in next; the option `user` names the
 * user from the start. `save` replaces the value under `key`, and is not called again before it has settled or
 * `STORAGE_TIMEOUT_MS` has passed. Two tabs that share a key would overwrite each other: give each tab its own storage.
 */
export interface OutboxStorage {
  load(key: string): Promise<readonly Pending[]> | readonly Pending[];
  save(key: string, pending: readonly Pending[]): Promise<void> | void;
}

/** The part of a WebSocket that is used. Those of browsers, Node 22, Bun, Deno and the package `ws` all have it. */
export interface WebSocketLike {
  readonly readyState: number;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** A token, or a function that returns one; it is called when a token is needed or the last one expires. */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>);

export interface Options {
  /** The server's address, such as `https://chat.example.com` or `ws://127.0.0.1:8000`; it may have a path. */
  readonly url: string;
  /**
   * The user's token. A function is called again when its last token expires. It returns `undefined` if the user is signed
   * out for good. It may throw if it cannot get a token now, and is then called again after a wait. If it does not settle
   * within `TOKEN_TIMEOUT_MS`, that counts as a throw.
   */
  readonly token: TokenSource;
  /**
   * The user; default: the token's `sub`. Set it if several users share a storage: messages sent before the first token
   * then belong to this user.
   */
  readonly user?: string;
  /** Stores messages that are not acked; default: in memory only. */
  readonly storage?: OutboxStorage;
  /** Whether the library answers warnings of inactivity, so that the server keeps the connection: for bots and other programs. Default false. */
  readonly stayActive?: boolean;
  /** Silence before a `ping`, in milliseconds. Default `PING_IDLE_MS`. */
  readonly pingAfter?: number;
  /** How long the reply to a `ping` may take, in milliseconds. Default `PONG_TIMEOUT_MS`. */
  readonly pingAnswer?: number;
  /** How long a new socket may take to receive `welcome`, in milliseconds. Default `WELCOME_TIMEOUT_MS`. */
  readonly welcomeWait?: number;
  /** Most messages that wait for their ack. Default `MAX_PENDING`. */
  readonly maxPending?: number;
  /** Requests a second; 0: no limit, each as soon as the last one is answered. Default `SEND_RATE`. */
  readonly sendRate?: number;
  /** A WebSocket class, if the global one is missing (Node 20) or for tests. */
  readonly WebSocket?: new (
    url: string,
    protocols: string[],
  ) => WebSocketLike;
  /** Another clock, for tests. */
  readonly timing?: Timing;
  /** Called with each frame's text, for a log. Frames of type `token` are left out, because they contain a token. */
  readonly trace?: (direction: "sent" | "received", text: string) => void;
}
