import type { Conversation, Position, State } from "../client/connect.ts";
import type { Refusal, TalkEvent } from "./state.ts";
import { moment } from "./wire/tap.ts";

/** A message is read when it was in view for this long, in milliseconds; a burst of them is told as one. */
const READ_AFTER = 400;

/** One open conversation, as the page uses it. After `leave()` it tells nothing more. */
export interface Talk {
  /** Where to go on later. */
  position(): Position | undefined;
  send(id: string, text: string): void;
  /** Gives up sending; what the server has stored by then is heard as a message. */
  takeBack(id: string): void;
  load(range: { readonly before?: number; readonly limit: number }): void;
  typing(active: boolean): void;
  read(seq: number): void;
  activity(): void;
  measure(): void;
  reconnect(): void;
  leave(): void;
}

/** Puts what `conversation` tells, and how its promises end, into events of the page. */
export function openTalk(conversation: Conversation, tellPage: (event: TalkEvent) => void): Talk {
  const sendings = new Map<string, AbortController>();
  let seen = 0;
  let readTimer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;

  function tell(event: TalkEvent): void {
    if (!isOver) tellPage(event);
  }

  function tellMembers(): void {
    tell({ type: "present", present: conversation.present });
  }

  conversation.on("status", (line) => {
    const { welcome, present } = conversation;
    tell({ type: "status", line: inMoments(line), welcome, present, at: moment() });
  });
  conversation.on("history", ({ messages, more }) => tell({ type: "page", messages, more }));
  conversation.on("message", (message) => tell({ type: "message", message }));
  conversation.on("presence", tellMembers);
  conversation.on("read", tellMembers);
  conversation.on("typing", ({ user, active }) => tell({ type: "typing", user, active }));
  conversation.on("lost", (lost) => {
    tell({ type: "lost", lost, newest: conversation.position?.seq ?? 0 });
  });
  conversation.on("quota", (quota) => tell({ type: "quota", quota, at: moment() }));
  conversation.on("warning", (warning) => tell({ type: "warning", warning, at: moment() }));
  conversation.on("error", (error) => tell({ type: "complaint", refusal: refusalOf(error) }));

  return {
    position: () => conversation.position,
    send(id, text) {
      const sending = new AbortController();
      sendings.set(id, sending);
      conversation
        .send(text, { id, signal: sending.signal })
        .then(
          (ack) => tell({ type: "acked", ack }),
          (error) => sending.signal.aborted || tell({ type: "refused", id, refusal: refusalOf(error) }),
        )
        .finally(() => sendings.get(id) === sending && sendings.delete(id));
    },
    takeBack(id) {
      sendings.get(id)?.abort();
    },
    load(range) {
      conversation.history(range).then(
        ({ messages, more }) => tell({ type: "page", messages, more }),
        (error) => tell({ type: "page_refused", refusal: refusalOf(error) }),
      );
    },
    typing: (active) => conversation.typing(active),
    read(seq) {
      seen = seq;
      readTimer ??= setTimeout(() => {
        readTimer = undefined;
        conversation.read(seen);
      }, READ_AFTER);
    },
    activity: () => conversation.activity(),
    measure() {
      conversation.ping().then(
        (roundTrip) => tell({ type: "measured", roundTrip: Math.round(roundTrip) }),
        () => tell({ type: "measured", roundTrip: undefined }),
      );
    },
    reconnect: () => conversation.reconnect(),
    leave() {
      isOver = true;
      clearTimeout(readTimer);
      void conversation.close();
    },
  };
}

/** The same line; the end of a wait is given by the clock of the countdowns, which no step of the time of day moves. */
function inMoments(line: State): State {
  return line.state === "waiting" ? { ...line, until: line.until - Date.now() + moment() } : line;
}

/** Everything the library rejects with has a `code`; anything else is a fault of this page. */
function refusalOf(error: unknown): Refusal {
  const { code = "internal", message = String(error) } = error as Partial<Refusal>;
  return { code, message };
}
