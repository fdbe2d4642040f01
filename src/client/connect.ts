// The client library, published as `parley/client`. It runs wherever there is a WebSocket: browsers, workers, Node 22,
// Bun, Deno. Everything that is public is named here.
import { type Conversation, openConversation } from "./conversation.ts";
import type { Position } from "./inbox.ts";
import type { Options } from "./options.ts";
import { isAsleep } from "./step.ts";
import { createTokenKeeper } from "./token.ts";

export type { Member, Message, Quota } from "../protocol/server-frames.ts";
export type { Ack, Conversation, HistoryOptions, HistoryPage, Sending, SendOptions } from "./conversation.ts";
export type { ConversationEvents, EventName, Listener, QuotaNotice } from "./events.ts";
export type { Lost, Position } from "./inbox.ts";
export type { Options, OutboxStorage, Pending, TokenSource, WebSocketLike } from "./options.ts";
export { ParleyError, type ParleyErrorCode } from "./parley-error.ts";
export type { Advice, State } from "./state.ts";

/** One user's way to one server. */
export interface Parley {
  /**
   * The conversation `id`, opened if it is not; the same object as long as it is open. It begins with what is said from
   * now on, or after `from`, a `position` that was kept.
   */
  conversation(id: string, options?: { readonly from?: Position }): Conversation;
  /** Leaves all conversations. */
  close(): Promise<void>;
}

/** Prepares a way to the server. Nothing is sent before the first `conversation()`. Throws if `url` is no address. */
export function connect(options: Options): Parley {
  new URL(options.url);
  if ((options.WebSocket ?? globalThis.WebSocket) === undefined)
    throw new TypeError("No WebSocket here: see docs/CLIENT.md");
  const tokens = createTokenKeeper(options.token);
  const conversations = new Map<string, Conversation>();
  return {
    conversation(id, { from } = {}) {
      const known = conversations.get(id);
      if (known !== undefined && (known.status.at !== "closed" || isAsleep(known.status))) return known;
      const conversation = openConversation(id, options, tokens, from);
      conversations.set(id, conversation);
      return conversation;
    },
    async close() {
      const all = [...conversations.values()];
      conversations.clear();
      await Promise.all(all.map((conversation) => conversation.close()));
    },
  };
}
