import type { FeedActivity } from "../../core/activity/node-activity.ts";
import type { FeedFilter } from "../../core/feed/filter.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Feed, FeedPosition } from "../../core/ports/feed/feed.ts";
import type { WebhookStore } from "../../core/ports/feed/webhooks.ts";
import { webhookActivity } from "../../core/webhooks/lag.ts";
import type { StoredWebhook } from "../../core/webhooks/webhook.ts";
import { CREATED_EVENTS, UNREAD_READER } from "./unread-reminders.ts";

export interface FeedLagDeps {
  readonly feed: Pick<Feed, "read" | "bookmark" | "wanted">;
  readonly webhooks: Pick<WebhookStore, "list">;
  readonly clock: Pick<Clock, "wall">;
  /** UNREAD_AFTER, in milliseconds. */
  readonly unreadAfter: number;
}

/** Reads from the store how far the webhooks and the maker of `message.unread` have come, whichever node they run on. */
export async function readFeedLags({
  feed,
  webhooks,
  clock,
  unreadAfter,
}: FeedLagDeps): Promise<FeedActivity> {
  const readNextAt = async (after: FeedPosition, filter: FeedFilter) =>
    (await feed.read(after, filter, 1))?.events[0]?.at;
  // Webhooks for which nothing waits are at the same place, the newest one: it is read once for all of them.
  const nextAts = new Map<FeedPosition, Promise<number | undefined>>();
  const nextAt = (after: FeedPosition) => {
    const reading = nextAts.get(after) ?? readNextAt(after, {});
    nextAts.set(after, reading);
    return reading;
  };
  const stored = await webhooks.list();
  const now = clock.wall();
  const lagOf = async (webhook: StoredWebhook) => {
    const { waitingSince, position } = webhook.progress;
    // An ended webhook gets nothing more.
    const isOver = webhook.status.state === "ended";
    const next = waitingSince !== undefined || isOver ? undefined : await nextAt(position);
    return webhookActivity(webhook, next, now);
  };
  const lags = await Promise.all(stored.map(lagOf));
  const unread = feed.wanted().has("message.unread") ? await feed.bookmark(UNREAD_READER) : undefined;
  const oldest = unread === undefined ? undefined : await readNextAt(unread, CREATED_EVENTS);
  const due = oldest === undefined ? 0 : now - oldest - unreadAfter;
  return {
    webhooks: lags,
    ...(unread !== undefined && { unread: { lag: Math.max(0, due) / 1000 } }),
  };
}
