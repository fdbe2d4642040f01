import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { ControlStream } from "../../../../src/engine/redis/control-stream.ts";
import { RedisConversations } from "../../../../src/engine/redis/messages/conversations.ts";
import type { OpenStreams } from "../../../contracts/streams/stream-subject.ts";
import { streamsContract } from "../../../contracts/streams.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import type { ManualClock } from "../../../support/time/manual-clock.ts";
import {
  freshPrefix,
  KINDS_OF_COMMON_CODE,
  keysUnder,
  type RealRedis,
  useRealRedis,
} from "../support/real-redis.ts";
import { TestNode } from "../support/test-node.ts";

/** The bytes of all values that belong to drafts and messages. */
async function rowBytes(client: RedisClient): Promise<number> {
  const { commands } = client;
  let sum = 0;
  for (const key of await keysUnder(client)) {
    const values =
      key.endsWith(":log") && (await commands.type(key)) === "stream"
        ? (await commands.xrange(key, "-", "+")).flatMap(([id, fields]) => [id, ...fields])
        : key.endsWith(":drafts")
          ? Object.entries(await commands.hgetall(key)).flat()
          : key.includes(":draft:")
            ? await commands.lrange(key, 0, -1)
            : [];
    for (const value of values) sum += Buffer.byteLength(value);
  }
  return sum;
}

async function removeConversation(client: RedisClient, clock: ManualClock, name: string): Promise<void> {
  const conversations = new RedisConversations(
    client,
    new ControlStream(client, clock, new RecordedLog().emit),
  );
  await conversations.remove(name);
  await conversations.close();
}

function opener(redis: RealRedis): OpenStreams {
  return async (clock, retention) => {
    const prefix = freshPrefix();
    const open = async () => TestNode.open(await redis.connect(prefix), { clock, time: clock, retention });
    let opened = await open();
    const close = async () => opened[Symbol.asyncDispose]();
    return {
      engine: opened.engine,
      async reopen() {
        await close();
        opened = await open();
        return opened.engine;
      },
      clean: () => opened.engine.clean(),
      close,
      rowBytes: () => rowBytes(opened.client),
      removeConversation: async (name) => removeConversation(await redis.connect(prefix), clock, name),
    };
  };
}

for (const kind of KINDS_OF_COMMON_CODE) streamsContract(`redis, ${kind}`, opener(useRealRedis(kind)));
