// The events of what changes a conversation or a message: what the feed keeps of the news that nodes are notified of.
import type { Change } from "../changes/decide-change.ts";
import type { ConversationNews } from "../members/records.ts";
import type { NewFeedEvent } from "./feed-event.ts";

/** Returns the events of news, in their order. `isNew`: the conversation did not exist before. */
export function eventsOfNews(
  conversation: string,
  news: readonly ConversationNews[],
  isNew: boolean,
): NewFeedEvent[] {
  return news.map((each): NewFeedEvent => {
    const { by, at } = each;
    if (each.type === "conversation") {
      const type = isNew ? "conversation.created" : "conversation.changed";
      return { type, at, conversation, ...(by !== undefined && { details: { by } }) };
    }
    const { user, change, role, until } = each;
    const details = {
      ...(role !== undefined && { role }),
      ...(until !== undefined && { until }),
      ...(by !== undefined && { by }),
    };
    return { type: `member.${change}`, at, conversation, user, details };
  });
}

/** A change of a message that was made. */
export interface MadeChangeOfMessage {
  readonly conversation: string;
  readonly seq: number;
  readonly rev: number;
  readonly by: string;
  readonly at: number;
  readonly change: Change;
}

export function eventOfChange({ conversation, seq, rev, by, at, change }: MadeChangeOfMessage): NewFeedEvent {
  const event = { at, conversation, user: by, seq, rev };
  if (change.kind === "edit") return { type: "message.edited", ...event };
  if (change.kind === "erase") return { type: "message.erased", ...event };
  const { reaction, on } = change;
  return { type: "message.reacted", ...event, details: { reaction, on } };
}
