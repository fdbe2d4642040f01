import type { RetentionLimits } from "../../../src/core/conversation/retention.ts";
import { UNLIMITED_RETENTION } from "../../../src/core/conversation/retention.ts";
import type { FeedEvent } from "../../../src/core/feed/feed-event.ts";
import type { FeedFilter } from "../../../src/core/feed/filter.ts";
import { DEFAULT_FEED_RETENTION, type FeedRetention } from "../../../src/core/feed/retention.ts";
import { type Feed, type FeedPage, OLDEST_POSITION } from "../../../src/core/ports/feed/feed.ts";
import type { ManualClock } from "../../support/time/manual-clock.ts";
import { Subject } from "../engine/subject.ts";
import type { OpenedMembers } from "../members/subject.ts";

/** An engine on its own data with the ports for members and the feed. */
export interface OpenedFeed extends OpenedMembers {
  /** The port of the engine that is open now. */
  readonly feed: Feed;
}

export type OpenFeed = (
  clock: ManualClock,
  retention: RetentionLimits,
  feedRetention?: FeedRetention,
) => Promise<OpenedFeed>;

/** The feed under test with its engine. */
export interface FeedSubject extends AsyncDisposable {
  readonly subject: Subject;
  readonly opened: OpenedFeed;
  /** Reads to the end, in pages of `limit`. */
  readAll(
    after?: string,
    filter?: FeedFilter,
    limit?: number,
  ): Promise<{ readonly events: readonly FeedEvent[]; readonly position: string; readonly lost: Lost[] }>;
}

type Lost = NonNullable<FeedPage["lost"]>;

/** Opens an engine with its feed for one test. */
export async function beginFeed(
  open: OpenFeed,
  retention = UNLIMITED_RETENTION,
  feedRetention = DEFAULT_FEED_RETENTION,
): Promise<FeedSubject> {
  let opened: OpenedFeed | undefined;
  const subject = await Subject.open(async (clock, limits) => {
    opened = await open(clock, limits, feedRetention);
    return opened;
  }, retention);
  return {
    subject,
    opened: opened!,
    async readAll(after = OLDEST_POSITION, filter = {}, limit = 100) {
      const events: FeedEvent[] = [];
      const lost: Lost[] = [];
      for (let position = after; ; ) {
        const page = await opened!.feed.read(position, filter, limit);
        if (page === undefined) throw new Error(`\`${position}\` is not a position.`);
        events.push(...page.events);
        if (page.lost !== undefined) lost.push(page.lost);
        position = page.position;
        if (!page.more) return { events, position, lost };
      }
    },
    [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose](),
  };
}

/** What a test compares of an event: its type, its conversation, the user and the message. The sender is in the message itself. */
export function outline({ type, conversation, user, seq }: FeedEvent): string {
  const known = type === "message.created" ? [type, conversation, seq] : [type, conversation, user, seq];
  return known.filter((part) => part !== undefined).join(" ");
}
