import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import type { RedisEngineDeps } from "../../../../src/engine/redis/engine.ts";
import { KnownMembers } from "../../../../src/engine/redis/members/known-members.ts";
import { RedisMembers } from "../../../../src/engine/redis/members/members.ts";
import { NewsStreams } from "../../../../src/engine/redis/members/news-streams.ts";
import { TestNode } from "./test-node.ts";

/** A node with an engine and the port for members. */
export class TestMemberNode implements AsyncDisposable {
  private constructor(
    readonly node: TestNode,
    readonly members: RedisMembers,
    readonly news: NewsStreams,
  ) {}

  static async open(client: RedisClient, deps: Partial<RedisEngineDeps> = {}): Promise<TestMemberNode> {
    const known = new KnownMembers();
    const node = await TestNode.open(client, { ...deps, knownMembers: known });
    const news = new NewsStreams(client, deps.clock ?? node.clock, node.log.emit);
    await news.start();
    const { engine } = node;
    const replicaTimeoutMs = deps.ackAfter === "replica" ? 1_000 : undefined;
    const { time, events } = deps;
    const storeEpoch = () => engine.storeEpoch;
    return new TestMemberNode(
      node,
      new RedisMembers({ client, news, known, storeEpoch, replicaTimeoutMs, time, events }),
      news,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.news.close();
    await this.node[Symbol.asyncDispose]();
  }
}
