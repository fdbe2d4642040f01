import type { Feed } from "../../core/ports/feed/feed.ts";
import type { WaitingEvents } from "../../core/webhooks/answer.ts";
import { feedFilterOf, type StoredWebhook } from "../../core/webhooks/webhook.ts";

/** Events of one reading, and the readings of one webhook: a paused one may have a long way to its next event. */
const EVENTS_AT_ONCE = 100;
const MAX_READS = 10;

/**
 * Returns which events of a webhook wait; undefined where none does. What the sender has stored does not say it while no server
 * sends, for example after a `kill -9`: then the feed after the position does. Throws when the store cannot be read now.
 */
export async function readWaiting(
  feed: Pick<Feed, "read">,
  webhook: StoredWebhook,
): Promise<WaitingEvents | undefined> {
  const { waitingSince, position, since = 0 } = webhook.progress;
  if (waitingSince !== undefined) return { since: waitingSince };
  const filter = feedFilterOf(webhook);
  let after = position;
  for (let reads = 0; reads < MAX_READS; reads++) {
    const page = await feed.read(after, filter, since === 0 ? 1 : EVENTS_AT_ONCE);
    // The position is of another store: what was lost between is sent as an event.
    if (page === undefined) return {};
    if (page.lost !== undefined) return { since: page.lost.since };
    const next = page.events.find(({ at }) => at >= since);
    if (next !== undefined) return { since: next.at };
    if (!page.more) return undefined;
    after = page.position;
  }
  return {};
}
