import type { Feed } from "../../../core/ports/feed/feed.ts";
import type { FeedEventType } from "../../../protocol/feed/event-types.ts";

const NOT_YET = "The feed is not there yet on Redis.";

// feedredis replaces this file: until then a request for events on Redis is an error, and nothing is written.
export class RedisFeed implements Feed {
  async read(): Promise<undefined> {
    throw new Error(NOT_YET);
  }

  async newest(): Promise<string> {
    throw new Error(NOT_YET);
  }

  watch(): () => void {
    throw new Error(NOT_YET);
  }

  async append(): Promise<void> {}

  async want(): Promise<void> {
    throw new Error(NOT_YET);
  }

  wanted(): ReadonlySet<FeedEventType> {
    return new Set();
  }
}
