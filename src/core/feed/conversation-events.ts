// The events of what changes a conversation or a message: what the feed keeps of the news that nodes are notified of.
import type { Change } from "../changes/decide-change.ts";
import type { ConversationNews } from "../members/records.ts";
import type { NewFeedEvent } from "./feed-event.ts";

/**
 * Returns the events of a change of a conversation, in their order. `makes`: there was no conversation before, and the change gives it
 * its facts.
 */
export function eventsOfNews(
  conversation: string,
  news: readonly ConversationNews[],
  makes: boolean,
): NewFeedEvent[] {
  const events: NewFeedEvent[] = [];
  if (makes) {
    const by = news.find((each) => each.by !== undefined)?.by;
    events.push({ type: "conversation.created", conversation, ...(by !== undefined && { details: { by } }) });
  }
  for (const each of news) {
    const { by, at } = each;
    if (each.type === "conversation") {
      const event = { type: "conversation.changed", at, conversation } as const;
      if (!makes) events.push({ ...event, ...(by !== undefined && { details: { by } }) });
      continue;
    }
    const { user, change, role, until } = each;
    const details = {
      ...(role !== undefined && { role }),
      ...(until !== undefined && { until }),
      ...(by !== undefined && { by }),
    };
    const hasDetails = Object.keys(details).length > 0;
    events.push({ type: `member.${change}`, at, conversation, user, ...(hasDetails && { details }) });
  }
  return events;
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
  if (change.kind !== "react") return { type: "message.erased", ...event };
  return { type: "message.reacted", ...event, details: { on: change.on } };
}
