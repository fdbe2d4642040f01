// A client of one conversation on a socket of its own, as the console's test clients are: their frames are recorded and played
// again, and faults are injected into them. The library (src/client) has one socket for all conversations of a user.

import { createTokenCache } from "../../../client/line/token.ts";
import type { AnyData } from "../../../client/message.ts";
import { MONOTONIC } from "../../../client/timing.ts";
import { type Conversation, type OpenOptions, openConversation } from "./conversation.ts";
import type { Options } from "./options.ts";
import { closedError, ParleyError } from "./parley-error.ts";

export type { HistoryPage } from "../../../client/history-page.ts";
export type { AnyData, Message } from "../../../client/message.ts";
export type { Timing } from "../../../client/timing.ts";
export type { TokenSource, WebSocketLike } from "../../../client/types/options.ts";
export type { PresentUser, Quota, ServerFrame, ServerFrameOf } from "../../../protocol/server-frames.ts";
export type {
  Ack,
  Conversation,
  HistoryOptions,
  OpenOptions,
  PendingSend,
  SendOptions,
} from "./conversation.ts";
export type { ConversationEvents, EventName, Listener, QuotaNotice } from "./events.ts";
export type { Lost, Position } from "./inbox.ts";
export type { Options, OutboxStorage, Pending } from "./options.ts";
export { ParleyError, type ParleyErrorCode } from "./parley-error.ts";
export type { Advice, State } from "./state.ts";

/** One user's connections to one server. */
export interface Parley {
  /**
   * Returns the conversation `id` and opens it if needed; the same object as long as it is open. It delivers new messages
   * only: those after the `last` messages, which the event `history` delivers, or those after `from`, a saved `position`.
   *
   * Throws a `ParleyError` with the code `closed` after `close()`, and a `TypeError` if no WebSocket class is available.
   */
  conversation<Data extends object = AnyData>(id: string, options?: OpenOptions): Conversation<Data>;
  /** Closes all conversations. Resolves when pending messages are saved, if the option `storage` is set. */
  close(): Promise<void>;
}

/**
 * Prepares connections to the server. Nothing is sent before the first `conversation()`, so that it may be called without
 * a network, for example while a page is rendered on a server. Throws if `url` is not a valid URL.
 */
export function connect(options: Options): Parley {
  new URL(options.url);
  const tokens = createTokenCache(options.token, options.timing ?? MONOTONIC);
  const conversations = new Map<string, Conversation>();
  let isClosed = false;
  return {
    conversation<Data extends object>(id: string, opening: OpenOptions = {}): Conversation<Data> {
      if (isClosed) throw new ParleyError("closed", "Closed by close().");
      if ((options.WebSocket ?? globalThis.WebSocket) === undefined)
        throw new TypeError("No WebSocket: use node --experimental-websocket, or the option WebSocket.");
      const known = conversations.get(id);
      if (known !== undefined && closedError(known.status) === undefined)
        return known as unknown as Conversation<Data>;
      const conversation = openConversation(id, options, tokens, opening);
      conversations.set(id, conversation);
      return conversation as unknown as Conversation<Data>;
    },
    async close() {
      isClosed = true;
      const all = [...conversations.values()];
      conversations.clear();
      await Promise.all(all.map((conversation) => conversation.close()));
    },
  };
}
