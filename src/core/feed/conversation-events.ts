// The events of what changes a conversation or a message: what the feed keeps of the news that nodes are notified of. `epoch` is that of
// the conversation, for engines that keep it.
import { type Change, shownKindOf } from "../changes/decide-change.ts";
import type { ConversationNews, MemberNews } from "../members/records.ts";
import type { NewFeedEvent } from "./feed-event.ts";

/**
 * Returns the events of a change of a conversation, in their order. `makes`: there was no conversation before, and the change gives it
 * its facts.
 */
export function eventsOfNews(
  conversation: string,
  news: readonly ConversationNews[],
  makes: boolean,
  epoch?: string,
): NewFeedEvent[] {
  const place = placeOf(conversation, epoch);
  const events: NewFeedEvent[] = [];
  if (makes) {
    const by = news.find((each) => each.by !== undefined)?.by;
    events.push({ type: "conversation.created", ...place, ...(by !== undefined && { details: { by } }) });
  }
  for (const each of news) {
    if (each.type === "member") events.push(eventOfMember(conversation, each, epoch));
    else if (!makes) {
      const { at, by } = each;
      events.push({
        type: "conversation.changed",
        at,
        ...place,
        ...(by !== undefined && { details: { by } }),
      });
    }
  }
  return events;
}

/** Returns the event of a change of one user's standing. */
export function eventOfMember(
  conversation: string,
  { user, change, role, until, by, at }: MemberNews,
  epoch?: string,
): NewFeedEvent {
  const details = {
    ...(role !== undefined && { role }),
    ...(until !== undefined && { until }),
    ...(by !== undefined && { by }),
  };
  const hasDetails = Object.keys(details).length > 0;
  return {
    type: `member.${change}`,
    at,
    ...placeOf(conversation, epoch),
    user,
    ...(hasDetails && { details }),
  };
}

/** A change of a message that was made. */
export interface MadeChangeOfMessage {
  readonly conversation: string;
  readonly epoch?: string;
  readonly seq: number;
  readonly rev: number;
  readonly by: string;
  readonly at: number;
  readonly change: Change;
}

const CHANGE_TYPES = { edit: "message.edited", erase: "message.erased", react: "message.reacted" } as const;

export function eventOfChange(made: MadeChangeOfMessage): NewFeedEvent {
  const { conversation, epoch, seq, rev, by, at, change } = made;
  return {
    type: CHANGE_TYPES[shownKindOf(change)],
    at,
    ...placeOf(conversation, epoch),
    user: by,
    seq,
    rev,
    ...(change.kind === "react" && { details: { on: change.on } }),
  };
}

function placeOf(
  conversation: string,
  epoch: string | undefined,
): Pick<NewFeedEvent, "conversation" | "epoch"> {
  return { conversation, ...(epoch !== undefined && { epoch }) };
}
