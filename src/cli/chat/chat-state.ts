import type { Advice, Conversation, ConversationStatus, Parley, Status } from "../../client/index.ts";

/** The state of a chat: that of the line, and on a line that is up that of the conversation. `until` is in milliseconds since 1970. */
export type ChatState =
  | { readonly state: "connecting" | "resuming" | "live" }
  | { readonly state: "degraded"; readonly reason: string }
  /** `code` is a close code where the line is meant, and an error of docs/ERRORS.md where the conversation is. */
  | {
      readonly state: "waiting";
      readonly until: number;
      readonly code: number | string;
      readonly reason: string;
    }
  | {
      readonly state: "closed";
      readonly code: number | string;
      readonly reason: string;
      readonly advice: Advice;
    };

/** Returns the state of a chat. */
export function chatStateOf(line: Status, conversation: ConversationStatus): ChatState {
  if (line.state === "idle") return { state: "connecting" };
  if (line.state !== "live") return line as ChatState;
  switch (conversation.state) {
    case "idle":
    case "opening":
      return { state: "connecting" };
    case "closed":
      return { ...conversation, advice: "change" };
    default:
      return conversation as ChatState;
  }
}

/** Calls `listener` with the state, at each change. What changes together is one change. Returns a function that unsubscribes. */
export function watchChatState(
  parley: Parley,
  conversation: Conversation,
  listener: (state: ChatState) => void,
): () => void {
  let shown = "";
  let isDue = false;
  const look = () => {
    isDue = false;
    const state = chatStateOf(parley.status.getSnapshot(), conversation.status.getSnapshot());
    const text = JSON.stringify(state);
    if (text === shown) return;
    shown = text;
    listener(state);
  };
  const schedule = () => {
    if (!isDue) queueMicrotask(look);
    isDue = true;
  };
  const ends = [parley.status.subscribe(schedule), conversation.status.subscribe(schedule)];
  return () => {
    for (const end of ends) end();
  };
}
