import type { RetentionLimits } from "../../../../src/core/conversation/retention.ts";
import { DEFAULT_FEED_RETENTION, type FeedRetention } from "../../../../src/core/feed/retention.ts";
import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { ControlStream } from "../../../../src/engine/redis/control-stream.ts";
import type { RedisEngineDeps } from "../../../../src/engine/redis/engine.ts";
import { RedisFeed } from "../../../../src/engine/redis/feed/feed.ts";
import { KnownMembers } from "../../../../src/engine/redis/members/known-members.ts";
import { RedisMembers } from "../../../../src/engine/redis/members/members.ts";
import { NewsStreams } from "../../../../src/engine/redis/members/news-streams.ts";
import { RedisConversations } from "../../../../src/engine/redis/messages/conversations.ts";
import { redisTasks } from "../../../../src/engine/redis/shared-tasks.ts";
import type { OpenFeed } from "../../../contracts/feed/subject.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { freshPrefix, type RealRedis } from "./real-redis.ts";
import { TestMemberNode } from "./test-member-node.ts";

/** A node with an engine, the port for members and the feed. */
export class TestFeedNode implements AsyncDisposable {
  private constructor(
    readonly members: TestMemberNode,
    readonly feed: RedisFeed,
    private readonly control: ControlStream,
  ) {}

  static async open(
    client: RedisClient,
    deps: Partial<RedisEngineDeps> = {},
    retention = DEFAULT_FEED_RETENTION,
  ): Promise<TestFeedNode> {
    const log = new RecordedLog();
    const clock = deps.clock ?? new ManualClock();
    const control = new ControlStream(client, clock, log.emit);
    const feed = new RedisFeed({
      ...{ client, control, clock, emit: log.emit, time: deps.time, retention },
      runOnOneNode: redisTasks({ client, clock, emit: log.emit }),
      storeEpoch: () => opened.node.engine.storeEpoch,
      refreshEpoch: () => opened.node.engine.refreshStoreEpoch(),
    });
    const opened = await TestMemberNode.open(client, { ...deps, clock, events: feed });
    await control.start();
    await feed.start();
    return new TestFeedNode(opened, feed, control);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.feed.close();
    this.control.close();
    await this.members[Symbol.asyncDispose]();
  }
}

/** The engine with its feed as the contract suite opens it: each test with a prefix of its own. */
export function feedSubject(redis: RealRedis): OpenFeed {
  return async (clock: ManualClock, retention: RetentionLimits, feedRetention?: FeedRetention) => {
    const prefix = freshPrefix();
    const open = async () =>
      TestFeedNode.open(await redis.connect(prefix), { clock, time: clock, retention }, feedRetention);
    let opened = await open();
    return {
      engine: opened.members.node.engine,
      get members() {
        return opened.members.members;
      },
      get feed() {
        return opened.feed;
      },
      async openOther() {
        const client = await redis.connect(prefix);
        const news = new NewsStreams(client, clock, new RecordedLog().emit);
        const storeEpoch = () => opened.members.node.engine.storeEpoch;
        return {
          members: new RedisMembers({ client, news, known: new KnownMembers(), storeEpoch, time: clock }),
          conversations: new RedisConversations(client, { append: async () => {} }, clock),
          close: () => client.close(),
        };
      },
      async reopen() {
        await opened[Symbol.asyncDispose]();
        opened = await open();
        return opened.members.node.engine;
      },
      async clean() {
        await opened.members.node.engine.clean();
        await opened.feed.trim();
      },
      close: () => opened[Symbol.asyncDispose](),
    };
  };
}
