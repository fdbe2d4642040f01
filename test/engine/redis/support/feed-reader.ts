import type { FeedEvent } from "../../../../src/core/feed/feed-event.ts";
import type { FeedPage } from "../../../../src/core/ports/feed/feed.ts";
import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { EventStreams } from "../../../../src/engine/redis/feed/event-streams.ts";
import { PageReader } from "../../../../src/engine/redis/feed/page-reader.ts";
import { decodePosition } from "../../../../src/engine/redis/feed/position.ts";

const EPOCH = "epoch";

/** A reader of the feed that goes on where it was, also after errors. It does not look at the epoch of the store. */
export class FeedReader {
  /** The events by their ids: what was read twice is there once. */
  readonly events = new Map<string, FeedEvent>();
  readonly lost: NonNullable<FeedPage["lost"]>[] = [];
  private position: string | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly client: RedisClient,
    private readonly limit = 100,
  ) {}

  /** Reads all that there is now. */
  async readAll(): Promise<this> {
    for (;;) {
      const position = this.position === undefined ? undefined : decodePosition(this.position);
      const reader = new PageReader(new EventStreams(this.client), position, {}, this.limit);
      const page = await reader.read(EPOCH);
      this.position = page.position;
      for (const event of page.events) this.events.set(event.id, event);
      if (page.lost !== undefined) this.lost.push(page.lost);
      if (!page.more) return this;
    }
  }

  /** Reads again and again until `stop`, which reads to the end. While Redis is away it tries again. */
  begin(): this {
    this.running = (async () => {
      while (!this.stopped) {
        await this.readAll().catch(() => {});
        await Bun.sleep(5);
      }
    })();
    return this;
  }

  async stop(): Promise<this> {
    this.stopped = true;
    await this.running;
    return this.readAll();
  }

  /** Returns the numbers of the events of a type in a conversation, in the order in which they were read. */
  seqs(conversation: string, type = "message.created"): number[] {
    return [...this.events.values()].flatMap((event) =>
      event.type === type && event.conversation === conversation ? [event.seq ?? 0] : [],
    );
  }

  /** Returns the events of a type as "conversation user seq rev", sorted; what is missing is left out. */
  list(type: string): string[] {
    const some = [...this.events.values()].filter((event) => event.type === type);
    return some
      .map(({ conversation, user, seq, rev }) =>
        [conversation, user, seq, rev].filter((part) => part !== undefined).join(" "),
      )
      .sort();
  }
}
