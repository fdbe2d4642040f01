import type { HistoryPage } from "../../../client/history-page.ts";
import type { AnyData, Message } from "../../../client/message.ts";
import type { Quota, ServerFrameOf } from "../../../protocol/server-frames.ts";
import type { Lost } from "./inbox.ts";
import type { ParleyError } from "./parley-error.ts";
import type { State } from "./state.ts";

type Body<T extends "presence" | "presence_count" | "typing" | "read" | "warning"> = Omit<
  ServerFrameOf<T>,
  "type"
>;

/** The user's quota. `retry_after`: a message was rejected, and is sent again after so many seconds. */
export interface QuotaNotice extends Quota {
  readonly retry_after?: number | undefined;
}

/** The events of a conversation, by name. */
export interface ConversationEvents<Data extends object = AnyData> {
  /** A message, each once and in order, including this user's own. */
  message: Message<Data>;
  /** The newest messages, if `last` asked for them: once, before the first `message`. */
  history: HistoryPage<Data>;
  /** A user joined or left; also emitted for differences found after a reconnect. */
  presence: Body<"presence">;
  /** The number of present users in a large conversation, in which single users who join and leave are not reported. */
  presence_count: Body<"presence_count">;
  typing: Body<"typing">;
  read: Body<"read">;
  warning: Body<"warning">;
  /** The remaining quota of the plan; null if the plan has no quota. */
  quota: QuotaNotice | null;
  /** The connection's state changed. */
  status: State;
  /** Messages that this client will never receive. */
  lost: Lost;
  /** A failure that no promise reports: the storage, the token function, a rejected frame. */
  error: ParleyError;
}

export type EventName = keyof ConversationEvents;
export type Listener<E extends EventName, Data extends object = AnyData> = (
  event: ConversationEvents<Data>[E],
) => void;

/** Listeners by event. If one throws, the others are still called; its error is reported as uncaught. */
export interface Listeners {
  on<E extends EventName>(name: E, listener: Listener<E>): () => void;
  emit<E extends EventName>(name: E, event: ConversationEvents[E]): void;
}

export function createListeners(): Listeners {
  /** One entry per call, so that a listener can be subscribed twice and each subscription is removed on its own. */
  const entries = new Set<readonly [EventName, Listener<never>]>();
  return {
    on(name, listener) {
      const entry = [name, listener] as const;
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    emit(name, event) {
      for (const [subscribed, listener] of [...entries]) {
        if (subscribed !== name) continue;
        try {
          (listener as Listener<typeof name>)(event);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
  };
}
