import type { Redis } from "ioredis";
import { UNLIMITED_RETENTION } from "../../../../src/core/conversation/retention.ts";
import { FileRewriter } from "../../../../src/engine/redis/changes/file-rewriter.ts";
import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { RedisConversations } from "../../../../src/engine/redis/messages/conversations.ts";
import { openRedis } from "../../../../src/engine/redis/open.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { parseRedisUrl } from "../../../../src/server/settings/redis-url.ts";
import { erasureMeanwhileContract } from "../../../contracts/person/meanwhile.ts";
import { type PersonSubject, personContract } from "../../../contracts/person/person.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { filesWith, READABLE_FILES } from "../support/files.ts";
import { freshPrefix, KINDS, KINDS_OF_COMMON_CODE, keysUnder, useRealRedis } from "../support/real-redis.ts";

/** A key as the inventory names it: without the prefix and bucket, and with letters for names. */
function kindOf(key: string): string {
  const [, rest = key] = /\}:(.*)$/.exec(key) ?? [];
  return rest
    .replace(/^([ctfkapn]):[^:]*$/, "$1:NAME")
    .replace(/^([cutfkapn]):.*?(:(?:by|draft))?(:[^:]*)?(:[^:]*)?$/, (_, letter, part, ...names) =>
      part === undefined ? `${letter}:NAME${names[0] ?? ""}` : `${letter}:NAME${part}`,
    );
}

/** All values of a key, and its dump, which has what is deleted in it and not yet overwritten. */
async function textOf(primary: Redis, key: string): Promise<string> {
  const dump = (await primary.dumpBuffer(key)) ?? Buffer.alloc(0);
  // Redis compresses long texts in a dump, so the values are read as well.
  const type = await primary.type(key);
  const values =
    type === "string"
      ? await primary.get(key)
      : type === "hash"
        ? await primary.hgetall(key)
        : type === "list"
          ? await primary.lrange(key, 0, -1)
          : type === "set"
            ? await primary.smembers(key)
            : type === "zset"
              ? await primary.zrange(key, "0", "-1")
              : await primary.xrange(key, "-", "+");
  return `${dump.toString("latin1")} ${typeof values === "string" ? values : JSON.stringify(values).replaceAll('\\"', '"')}`;
}

async function placesOf(client: RedisClient, text: string): Promise<string[]> {
  const places = new Set<string>();
  for (const key of await keysUnder(client)) {
    const [primary] = client.primaries;
    const owner = client.isCluster ? (client.commands as unknown as Redis) : primary!;
    if (key.includes(text) || (await textOf(owner, key)).includes(text)) places.add(kindOf(key));
  }
  return [...places];
}

for (const kind of KINDS) {
  const redis = useRealRedis(kind, READABLE_FILES);
  const open = async (): Promise<PersonSubject> => {
    const prefix = freshPrefix();
    const client = await redis.connect(prefix);
    const address = parseRedisUrl(redis.url);
    if ("problem" in address) throw new Error(address.problem);
    const store = await openRedis({
      ...{ address: address.value, prefix, node: "node-persons", timeoutMs: 10_000, clock: systemClock() },
      ...{
        emit: new RecordedLog().emit,
        leaseMs: 5_000,
        ackAfter: "primary",
        retention: UNLIMITED_RETENTION,
      },
    });
    // A node that shows an inbox has the store write what has changed for whom.
    const stop = await store.engine.inbox.watch(
      () => {},
      () => {},
    );
    return {
      store,
      async removeConversation(name) {
        await new RedisConversations(client, { append: async () => {} }).remove(name);
      },
      placesOf: (text) => placesOf(client, text),
      files: {
        holding: (texts) => redis.folders.flatMap((folder) => filesWith(folder, texts)),
        rewrite: () =>
          new FileRewriter({
            ...{ client, clock: systemClock(), emit: new RecordedLog().emit, intervalMs: 1 },
          }).rewriteIfDue(),
      },
      inventory: "Redis",
      async close() {
        stop();
        await store.close();
        await client.close();
      },
    };
  };
  if (KINDS_OF_COMMON_CODE.includes(kind)) personContract(kind, open);
  erasureMeanwhileContract(kind, open);
}
