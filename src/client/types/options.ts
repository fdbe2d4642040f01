import type { Timing } from "../timing.ts";
import type { ConversationFacts, Role } from "./frames.ts";

/** A message that is not acked yet, as it was passed to `send`. */
export interface PendingMessage {
  readonly type?: undefined;
  readonly id: string;
  readonly text: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly reply_to?: number;
}

/** A change of a message that is not acked yet. */
export interface PendingChange {
  readonly type: "edit" | "erase" | "react";
  readonly id: string;
  /** The message; one that is not acked yet by its id. */
  readonly seq: number | string;
  /** The epoch in which `seq` is known; in another one the change is refused. */
  readonly epoch?: string | undefined;
  readonly text?: string;
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly if_rev?: number;
  readonly reason?: string;
  readonly reaction?: string;
  readonly on?: boolean;
}

/** What waits for its ack. */
export type Pending = PendingMessage | PendingChange;

/**
 * Stores messages and changes that are not acked yet, so that a closed tab or a killed program loses none.
 *
 * `key` is `user/conversation`: one user's messages are never sent as another user. Before the first token
 * names the user nothing is stored, unless the option `user` does. `save` replaces the value under `key`, and is not called again before it has settled or
 * `STORAGE_TIMEOUT_MS` has passed. Two tabs that share a key would overwrite each other: `browserStorage` gives each a place.
 */
export interface ClientStorage {
  load(key: string): Promise<readonly Pending[] | undefined> | readonly Pending[] | undefined;
  save(key: string, pending: readonly Pending[]): Promise<void> | void;
}

/** The part of a WebSocket that the library uses: any class that follows the standard has it. */
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

/** Waits of the line, in milliseconds. */
export interface LineWaits {
  /** Silence before a `ping`. Default `PING_IDLE_MS`. */
  readonly pingAfter?: number;
  /** How long the reply to a `ping` may take. Default `PONG_TIMEOUT_MS`. */
  readonly pingAnswer?: number;
  /** How long a new socket may take to receive `welcome`. Default `WELCOME_TIMEOUT_MS`. */
  readonly welcomeWait?: number;
}

/** What one socket needs of the options. */
export interface SocketOptions {
  /** A WebSocket class, if the global one is missing (Node 20) or for tests. */
  readonly WebSocket?: new (
    url: string,
    protocols: string[],
  ) => WebSocketLike;
  /** Other waits, and for tests another clock. */
  readonly timing?: LineWaits & Partial<Timing>;
  /** Called with each frame's text, for a log. Frames of type `token` are left out, because they contain a token. */
  readonly trace?: (direction: "sent" | "received", text: string) => void;
}

export interface Options extends SocketOptions {
  /** The server's address, such as `https://chat.example.com` or `ws://127.0.0.1:8000`; it may have a path. */
  readonly url: string;
  /**
   * The user's token. A function is called again when its last token expires. It returns `undefined` if the user is signed
   * out for good. It may throw if it cannot get a token now, and is then called again after a wait. If it does not settle
   * within `TOKEN_TIMEOUT_MS`, that counts as a throw.
   */
  readonly token: TokenSource;
  /**
   * The user; default: the token's `sub`. Set it to store messages that are written before
   * the first token is there.
   */
  readonly user?: string;
  /** Stores messages that are not acked; default: in memory only. */
  readonly storage?: ClientStorage;
  /** Whether the library answers warnings of inactivity, so that the server keeps the connection: for bots and other programs. Default false. */
  readonly stayActive?: boolean;
  readonly limits?: {
    /** Most messages of a conversation that wait for their ack. Default `MAX_PENDING`. */
    readonly pending?: number;
    /** Requests a second; 0: no limit, each as soon as the last one is answered. Default `SEND_RATE`. */
    readonly sendRate?: number;
  };
}

/** What a new conversation is to be. */
export interface NewConversation {
  readonly access?: ConversationFacts["access"];
  readonly title?: string;
  readonly data?: object;
  readonly members?: readonly { readonly user: string; readonly role?: Role }[];
  /** The one conversation with this user: the same for both. */
  readonly direct?: string;
  /** A repeat with the same id makes no second conversation. */
  readonly id?: string;
}
