import { monotonicNow } from "../wire/websocket-tap.ts";
import type { Conversation, Position, State } from "./one/connect.ts";
import type { ConversationEvent, OpenSession, UserFacingError } from "./state.ts";

/** How long a message must be visible to count as read, in milliseconds; a burst of messages is reported as one mark. */
const READ_AFTER_MS = 400;

/** One open conversation, as the page uses it. It emits nothing after `leave()`. */
export interface ConversationBinding {
  /** The position to resume from later. */
  position(): Position | undefined;
  send(id: string, text: string): void;
  /** Cancels a pending message; if the server has already stored it, it arrives as a message. */
  cancelSend(id: string): void;
  load(range: { readonly before?: number; readonly limit: number }): void;
  typing(active: boolean): void;
  read(seq: number): void;
  activity(): void;
  measure(): void;
  reconnect(): void;
  close(): void;
}

/** Converts the events and promises of `conversation` into events of the page. */
export function bindConversation(
  conversation: Conversation,
  dispatch: (event: ConversationEvent) => void,
): ConversationBinding {
  const sendings = new Map<string, AbortController>();
  let seen = 0;
  let readTimer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;
  /** The number of present users as the server sent it last; 0 where the list has all of them. */
  let presentCount = 0;
  let latest = conversation.welcome;

  function emit(event: ConversationEvent): void {
    if (!isClosed) dispatch(event);
  }

  function emitMembers(): void {
    emit({ type: "present", ...presentUsers() });
  }

  function presentUsers(): Pick<OpenSession, "present" | "presentCount"> {
    const { present } = conversation;
    return presentCount > present.length ? { present, presentCount } : { present };
  }

  conversation.on("status", (state) => {
    const { welcome } = conversation;
    if (welcome !== latest && welcome !== undefined)
      presentCount = welcome.present_count > welcome.present.length ? welcome.present_count : 0;
    latest = welcome;
    const connection = withMonotonicTimes(state);
    emit({ type: "status", connection, welcome, ...presentUsers(), at: monotonicNow() });
  });
  conversation.on("history", ({ messages, more }) => emit({ type: "page", messages, more }));
  conversation.on("message", (message) => emit({ type: "message", message }));
  conversation.on("presence", emitMembers);
  conversation.on("presence_count", ({ count, present }) => {
    presentCount = present === undefined ? count : 0;
    emitMembers();
  });
  conversation.on("read", emitMembers);
  conversation.on("typing", ({ user, active }) => emit({ type: "typing", user, active }));
  conversation.on("lost", (lost) => {
    emit({ type: "lost", lost, newest: conversation.position?.seq ?? 0 });
  });
  conversation.on("quota", (quota) => emit({ type: "quota", quota, at: monotonicNow() }));
  conversation.on("warning", (warning) => emit({ type: "warning", warning, at: monotonicNow() }));
  conversation.on("error", (error) => emit({ type: "complaint", refusal: toUserFacingError(error) }));

  return {
    position: () => conversation.position,
    send(id, text) {
      const sending = new AbortController();
      sendings.set(id, sending);
      conversation
        .send(text, { id, signal: sending.signal })
        .then(
          (ack) => emit({ type: "acked", ack }),
          (error) =>
            sending.signal.aborted || emit({ type: "refused", id, refusal: toUserFacingError(error) }),
        )
        .finally(() => sendings.get(id) === sending && sendings.delete(id));
    },
    cancelSend(id) {
      sendings.get(id)?.abort();
    },
    load(range) {
      conversation.history(range).then(
        ({ messages, more }) => emit({ type: "page", messages, more }),
        (error) => emit({ type: "page_refused", refusal: toUserFacingError(error) }),
      );
    },
    typing: (active) => conversation.typing(active),
    read(seq) {
      seen = seq;
      readTimer ??= setTimeout(() => {
        readTimer = undefined;
        conversation.read(seen);
      }, READ_AFTER_MS);
    },
    activity: () => conversation.activity(),
    measure() {
      conversation.ping().then(
        (roundTrip) => emit({ type: "measured", roundTrip: Math.round(roundTrip) }),
        () => emit({ type: "measured", roundTrip: undefined }),
      );
    },
    reconnect: () => conversation.reconnect(),
    close() {
      isClosed = true;
      clearTimeout(readTimer);
      void conversation.close();
    },
  };
}

/** Returns the state with `until` by the monotonic clock of the countdowns, which does not follow changes of the time of day. */
function withMonotonicTimes(state: State): State {
  return state.state === "waiting" ? { ...state, until: state.until - Date.now() + monotonicNow() } : state;
}

/** All errors of the library have a `code`; any other error is a defect of this page. */
function toUserFacingError(error: unknown): UserFacingError {
  const { code = "internal", message = String(error) } = error as Partial<UserFacingError>;
  return { code, message };
}
