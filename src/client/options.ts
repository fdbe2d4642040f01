// What can be chosen, and what is chosen when nothing is said. Every default is here, with its unit and its reason.

import type { Timing } from "./timing.ts";

/** Longest wait before the first new try, in milliseconds: a second and a half on average; and a server that lost 5,000 clients gets 1,700 handshakes a second, with which half a core is left for those who talk. */
export const BACKOFF_INITIAL_MS = 3_000;

/** Longest wait before any new try, in milliseconds: everybody is back well within half a minute after the server is. */
export const BACKOFF_MAX_MS = 24_000;

/** The same for the first `BACKOFF_EARLY_ATTEMPTS`, and where the user had too many connections: who was away for 10 s must not be away for 20 s more. 5,000 clients that wait so long make fewer handshakes a second than in their first `BACKOFF_INITIAL_MS`. */
export const BACKOFF_EARLY_MAX_MS = 8_000;

/** How many tries come early: with 4 s each on average they take a minute. */
export const BACKOFF_EARLY_ATTEMPTS = 16;

/** How long a connection must have lasted, in milliseconds, before the next wait is short again: one that falls at once would otherwise be dialled in a loop. A bad line that lasts some seconds each time is not that. */
export const BACKOFF_RESET_AFTER_MS = 1_000;

/** Silence after which the line is tried with a `ping`, in milliseconds. Shorter than the 30 s after which the first routers forget a quiet line. */
export const PING_IDLE_MS = 20_000;

/** How long the server may take to answer a `ping`, in milliseconds: a slow mobile line needs 2 s. */
export const PONG_TIMEOUT_MS = 5_000;

/** How long a socket may take from dialling to `welcome`, in milliseconds: TLS over a slow line, and a store that is busy. */
export const WELCOME_TIMEOUT_MS = 10_000;

/** How long a message, a page of history or a ping may wait for its answer on a line that holds, in milliseconds, before the line is given up and all is sent again: the server refuses within a few seconds what its store does not answer. */
export const REPLY_TIMEOUT_MS = 30_000;

/** How long the token function may take, in milliseconds: longer than most HTTP requests may, and a server that checks many passwords at once lets a sign-in wait for its turn. */
export const TOKEN_TIMEOUT_MS = 30_000;

/** How long the storage may take for one call, in milliseconds: opening a database on a slow phone takes 2 s. */
export const STORAGE_TIMEOUT_MS = 5_000;

/** Most messages that wait for their ack. Beyond that `send` refuses: somebody writes faster than anybody could send. */
export const MAX_PENDING = 1_000;

/** Most messages that a `for await` keeps for its loop; the rest is read again from the server once the loop is there. */
export const MAX_QUEUED = 1_000;

/** Most messages kept that came before one that is missing; the rest is read with it. */
export const MAX_OUT_OF_ORDER = 500;

/** Requests a second over a longer time: below the server's BURST_RATE of 20, which counts other frames too. */
export const SEND_RATE = 15;

/** Requests at once: below the server's BURST_SIZE of 40. */
export const SEND_BURST = 30;

/** How long one `typing` lasts at the server is 6 s; it is renewed after so many milliseconds at the earliest. */
export const TYPING_INTERVAL_MS = 3_000;

/** How long before its end a token is no longer used for a new connection, in milliseconds: it must last over the handshake. A short token is used for three quarters of its life. */
export const TOKEN_REFRESH_MARGIN_MS = 5_000;

/** A message on its way: what was given to `send`. */
export interface Pending {
  readonly id: string;
  readonly text: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/**
 * Keeps what is not acked yet, so that a closed tab or a killed program loses nothing.
 *
 * `key` is `user/conversation`: what one user wrote is never sent as another. What is written before the first token
 * names a user is kept under `/conversation`, and is sent as the user who signs in next; the option `user` names one
 * from the start. `save` replaces what was kept under `key`, and is not called again before it has finished, or has been
 * given up after `STORAGE_TIMEOUT_MS`. Two tabs that share a key would overwrite each other: give each its own place.
 */
export interface OutboxStorage {
  load(key: string): Promise<readonly Pending[]> | readonly Pending[];
  save(key: string, pending: readonly Pending[]): Promise<void> | void;
}

/** As much of a WebSocket as is used; that of browsers, Node 22, Bun, Deno and the package `ws` all have it. */
export interface WebSocketLike {
  readonly readyState: number;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** A token, or a function that is asked for one when there is none or the last one ends. */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>);

export interface Options {
  /** The server's address, such as `https://chat.example.com` or `ws://127.0.0.1:8000`; it may have a path. */
  readonly url: string;
  /**
   * The user's token. As a function it is asked again when its last one ends; it may answer `undefined` when the user
   * is signed out for good, and may throw when it cannot tell now, and is then asked again after a wait. One that does
   * not settle within `TOKEN_TIMEOUT_MS` counts as one that throws.
   */
  readonly token: TokenSource;
  /**
   * The user; without it, the token's `sub`. Where several people share a storage, give it: it says whose what is written
   * before the first token is.
   */
  readonly user?: string;
  /** Where messages wait that are not acked; without it, in memory only. */
  readonly storage?: OutboxStorage;
  /** Whether a warning of inactivity is answered by itself: for programs that are meant to stay. Default false. */
  readonly stay?: boolean;
  /** Silence before a `ping`, in milliseconds. Default `PING_IDLE_MS`. */
  readonly pingAfter?: number;
  /** How long its answer may take, in milliseconds. Default `PONG_TIMEOUT_MS`. */
  readonly pingAnswer?: number;
  /** From dialling to `welcome`, in milliseconds. Default `WELCOME_TIMEOUT_MS`. */
  readonly welcomeWait?: number;
  /** Default `MAX_PENDING`. */
  readonly maxPending?: number;
  /** Requests a second; 0: as fast as they are answered. Default `SEND_RATE`. */
  readonly sendRate?: number;
  /** A WebSocket class, where the global one is missing: Node 20, tests. */
  readonly WebSocket?: new (
    url: string,
    protocols: string[],
  ) => WebSocketLike;
  /** Another clock, for tests. */
  readonly timing?: Timing;
  /** Is told each frame's text, for a log. What is sent may hold a token: frames of type `token` are not told. */
  readonly trace?: (direction: "sent" | "received", text: string) => void;
}
