import type { NewFeedEvent } from "../../../core/feed/feed-event.ts";
import type { ConversationNews, MemberNews } from "../../../core/members/records.ts";

/** The event of a change of one user's standing. */
export function memberEvent(
  conversation: string,
  epoch: string,
  { user, change, role, until, by, at }: MemberNews,
): NewFeedEvent {
  const details = {
    ...(role !== undefined && { role }),
    ...(until !== undefined && { until }),
    ...(by !== undefined && { by }),
  };
  return {
    type: `member.${change}`,
    at,
    conversation,
    epoch,
    user,
    ...(Object.keys(details).length > 0 && { details }),
  };
}

/**
 * The events of a change of a conversation, in their order. `makes`: there was no conversation before, and the change gives it its
 * facts.
 */
export function conversationEvents(
  conversation: string,
  epoch: string,
  news: readonly ConversationNews[],
  makes: boolean,
): NewFeedEvent[] {
  const events: NewFeedEvent[] = [];
  if (makes) {
    const by = news.find((one) => one.by !== undefined)?.by;
    events.push({
      type: "conversation.created",
      conversation,
      epoch,
      ...(by !== undefined && { details: { by } }),
    });
  }
  for (const one of news) {
    if (one.type === "member") events.push(memberEvent(conversation, epoch, one));
    else if (!makes) {
      const { at, by } = one;
      events.push({
        ...{ type: "conversation.changed", at, conversation, epoch },
        ...(by !== undefined && { details: { by } }),
      });
    }
  }
  return events;
}
