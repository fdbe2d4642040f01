import type { Quota, ServerFrameOf } from "../protocol/server-frames.ts";
import type { State } from "./connection/state.ts";
import type { HistoryPage } from "./history-page.ts";
import type { Lost } from "./incoming/inbox.ts";
import type { AnyData, Message } from "./message.ts";
import type { ParleyError } from "./parley-error.ts";

type Body<T extends "presence" | "typing" | "read" | "warning"> = Omit<ServerFrameOf<T>, "type">;

/** The user's allowance. `retry_after`: a message was refused, and is sent again after so many seconds. */
export interface QuotaNotice extends Quota {
  readonly retry_after?: number | undefined;
}

/** What a conversation tells, by the name of the event. */
export interface ConversationEvents<Data extends object = AnyData> {
  /** A message, once, in order; one's own too. */
  message: Message<Data>;
  /** The newest messages at the door, where `last` asked for them: once, before the first `message`. */
  history: HistoryPage<Data>;
  /** Somebody came or went; also told for the difference that a reconnect finds. */
  presence: Body<"presence">;
  typing: Body<"typing">;
  read: Body<"read">;
  warning: Body<"warning">;
  /** What is left of the plan; null where nothing is counted. */
  quota: QuotaNotice | null;
  /** The connection's state changed. */
  status: State;
  /** Messages that this client will never see. */
  lost: Lost;
  /** Something failed that no promise tells of: the storage, the token function, a refused frame. */
  error: ParleyError;
}

export type EventName = keyof ConversationEvents;
export type Listener<E extends EventName, Data extends object = AnyData> = (
  event: ConversationEvents<Data>[E],
) => void;

/** Listeners by event. One that throws harms nobody else; its error is reported as an uncaught one. */
export interface Listeners {
  on<E extends EventName>(name: E, listener: Listener<E>): () => void;
  emit<E extends EventName>(name: E, event: ConversationEvents[E]): void;
}

export function createListeners(): Listeners {
  /** A list of its own for each call, so that one listener can be there twice and is ended once. */
  const entries = new Set<readonly [EventName, Listener<never>]>();
  return {
    on(name, listener) {
      const entry = [name, listener] as const;
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    emit(name, event) {
      for (const [wanted, listener] of [...entries]) {
        if (wanted !== name) continue;
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
