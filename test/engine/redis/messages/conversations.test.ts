import { describe, expect, test } from "bun:test";
import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { ControlStream } from "../../../../src/engine/redis/control-stream.ts";
import { RedisConversations } from "../../../../src/engine/redis/messages/conversations.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { conversationContract } from "../../../contracts/conversations.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { age, freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { TestNode } from "../support/test-node.ts";

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);

  conversationContract(`redis, ${kind}`, async (clock, retention) => {
    const prefix = freshPrefix();
    const open = async () => TestNode.open(await redis.connect(prefix), { clock, time: clock, retention });
    let node = await open();
    return {
      engine: node.engine,
      async reopen() {
        await node[Symbol.asyncDispose]();
        node = await open();
        return node.engine;
      },
      clean: () => node.engine.clean(),
      close: () => node[Symbol.asyncDispose](),
      openOther: async () => conversationsOn(await redis.connect(prefix)),
    };
  });

  describe(`conversations on Redis, ${kind}`, () => {
    test("D5 conversations of another prefix are not listed, for any prefix", async () => {
      const prefix = freshPrefix();
      const [one, other] = [`${prefix}-a*[b]?`, `${prefix}-anything[b]x`];
      for (const each of [one, other]) {
        await using node = await TestNode.open(await redis.connect(each));
        for (const conversation of [`in-${each.length}`, "both"]) await node.post("1", { conversation });
      }
      for (const each of [one, other]) {
        const conversations = conversationsOn(await redis.connect(each));
        expect((await conversations.list()).map(({ id }) => id)).toEqual(["both", `in-${each.length}`]);
        await conversations.close();
      }
    });

    test("D5 a conversation set to be kept for ever no longer expires", async () => {
      const prefix = freshPrefix();
      await using node = await TestNode.open(await redis.connect(prefix), {
        retention: { messages: 0, days: 1 },
      });
      for (const conversation of ["kept", "gone"]) await node.post("1", { conversation });
      const conversations = conversationsOn(await redis.connect(prefix));
      await conversations.retain("kept", { messages: null, days: 0 });
      await age(node.client, 2 * 86_400_000);
      const kept = (await conversations.list()).map(({ id, first, seq }) => [id, first, seq]);
      expect(kept).toEqual([
        ["gone", 2, 1],
        ["kept", 1, 1],
      ]);
      await conversations.close();
    });
  });
}

function conversationsOn(client: RedisClient): RedisConversations {
  return new RedisConversations(client, new ControlStream(client, systemClock(), new RecordedLog().emit));
}
