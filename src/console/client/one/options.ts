// The options of a connection to one conversation.
import type { Timing } from "../../../client/timing.ts";
import type { SocketOptions, TokenSource } from "../../../client/types/options.ts";

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
  readonly WebSocket?: SocketOptions["WebSocket"];
  /** Another clock, for tests. */
  readonly timing?: Timing;
  /** Called with each frame's text, for a log. Frames of type `token` are left out, because they contain a token. */
  readonly trace?: (direction: "sent" | "received", text: string) => void;
}
