import type { Clock } from "../../core/ports/clock.ts";
import type { Feed } from "../../core/ports/feed/feed.ts";
import { type FeedEventType, OPTIONAL_EVENT_TYPES } from "../../protocol/feed/event-types.ts";

/** How often it is stored again that a type is read, in milliseconds. */
const AGAIN_MS = 60_000;
const DAY_MS = 24 * 3_600_000;

/** Keeps that somebody asked for types which are written only while they are read (EV5), for RETENTION_EVENT_DAYS. */
export class AskedTypes {
  /** When that was stored last, by `clock.now()`. */
  private readonly noted = new Map<FeedEventType, number>();

  constructor(
    private readonly feed: Pick<Feed, "want">,
    private readonly clock: Pick<Clock, "now" | "wall">,
    private readonly days: number,
  ) {}

  /** A reader asks for these types, or for all. Resolves when they are written from now on. */
  async ask(types: ReadonlySet<FeedEventType> | undefined): Promise<void> {
    const now = this.clock.now();
    const news = [...OPTIONAL_EVENT_TYPES].filter(
      (type) =>
        types?.has(type) !== false && now - (this.noted.get(type) ?? Number.NEGATIVE_INFINITY) >= AGAIN_MS,
    );
    if (news.length === 0) return;
    await this.feed.want(news, this.clock.wall() + this.days * DAY_MS);
    for (const type of news) this.noted.set(type, now);
  }
}
