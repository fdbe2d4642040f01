// How conversations are named and dated on the page.
import type { ConversationFacts, InboxItem } from "../client/index.ts";
import { clockTime, dayName } from "./format.ts";

type Named = Pick<ConversationFacts, "conversation" | "title" | "direct"> | undefined;

/** Returns the title of a conversation; without one the other user of a direct conversation, else its name. */
export function titleOf(facts: Named, name: string): string {
  if (facts?.title !== undefined) return facts.title;
  if (facts?.direct !== undefined) return facts.direct;
  // Names that the server makes say nothing.
  return name.startsWith("_") ? "Untitled group" : name;
}

/** Returns the text of the newest message of an item, with its sender where that is not evident. */
export function previewOf({ last, direct }: Pick<InboxItem, "last" | "direct">, user: string): string {
  if (last === null) return "No messages yet";
  const text = last.erased === true ? "Message erased" : last.text === "" ? "Data" : last.text;
  if (last.from === user) return `You: ${text}`;
  return last.from === direct ? text : `${last.from}: ${text}`;
}

/** Returns a moment in a few characters: `14:05` today, `Yesterday`, else the date. */
export function shortTime(at: number, now: number): string {
  const day = dayName(at, now);
  if (day === "Today") return clockTime(at);
  if (day === "Yesterday") return day;
  return new Date(at).toLocaleDateString([], { day: "numeric", month: "short" });
}
