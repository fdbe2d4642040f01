import { KnownMembers } from "../../../../src/engine/redis/members/known-members.ts";
import { RedisMembers } from "../../../../src/engine/redis/members/members.ts";
import { NewsStreams } from "../../../../src/engine/redis/members/news-streams.ts";
import { RedisConversations } from "../../../../src/engine/redis/messages/conversations.ts";
import type { OpenMembers } from "../../../contracts/members/subject.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { freshPrefix, type RealRedis } from "./real-redis.ts";
import { TestMemberNode } from "./test-member-node.ts";

/** The engine and the port for members as the contract suites open them: each test with a prefix of its own. */
export function memberSubject(redis: RealRedis): OpenMembers {
  return async (clock, retention) => {
    const prefix = freshPrefix();
    const open = async () =>
      TestMemberNode.open(await redis.connect(prefix), { clock, time: clock, retention });
    let opened = await open();
    return {
      engine: opened.node.engine,
      get members() {
        return opened.members;
      },
      async openOther() {
        const client = await redis.connect(prefix);
        const news = new NewsStreams(client, clock, new RecordedLog().emit);
        const storeEpoch = () => opened.node.engine.storeEpoch;
        return {
          members: new RedisMembers({ client, news, known: new KnownMembers(), storeEpoch, time: clock }),
          conversations: new RedisConversations(client, { append: async () => {} }, clock),
          close: () => client.close(),
        };
      },
      async reopen() {
        await opened[Symbol.asyncDispose]();
        opened = await open();
        return opened.node.engine;
      },
      clean: () => opened.node.engine.clean(),
      close: () => opened[Symbol.asyncDispose](),
    };
  };
}
