// The story: a Redis whose memory or disk was full, or that lacked replicas, replied to every command and refused every
// write. Nodes reported themselves ready, no client got `degraded`, and users who signed in got "500".
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { Redis } from "ioredis";
import { startRedis } from "../../../support/redis/redis-server.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix } from "../support/real-redis.ts";
import { connectTo, TestNode } from "../support/test-node.ts";

/** How each failure is caused and ended, and the error text that Redis sends then. */
const TROUBLES: Readonly<
  Record<
    string,
    { readonly words: string; begin(admin: Redis): Promise<void>; end(admin: Redis): Promise<void> }
  >
> = {
  OOM: {
    words: "its memory is full",
    begin: async (admin) => void (await admin.config("SET", "maxmemory", "1mb")),
    end: async (admin) => void (await admin.config("SET", "maxmemory", "0")),
  },
  NOREPLICAS: {
    words: "fewer replicas",
    begin: async (admin) => void (await admin.config("SET", "min-replicas-to-write", "1")),
    end: async (admin) => void (await admin.config("SET", "min-replicas-to-write", "0")),
  },
  READONLY: {
    words: "it is a replica",
    begin: async (admin) => void (await admin.replicaof("127.0.0.1", "1")),
    end: async (admin) => void (await admin.replicaof("NO", "ONE")),
  },
  MISCONF: {
    words: "cannot write its data to disk",
    begin: async (admin) => {
      const [, folder] = (await admin.config("GET", "dir")) as [string, string];
      rmSync(folder, { recursive: true });
      await admin.config("SET", "save", "3600 1");
      await admin.bgsave();
      await waitUntil("the snapshot fails", async () =>
        /rdb_last_bgsave_status:err/.test(await admin.info()),
      );
    },
    end: async (admin) => void (await admin.config("SET", "stop-writes-on-bgsave-error", "no")),
  },
};

test.each(Object.keys(TROUBLES))(
  "L3 a Redis that refuses writes (%s) is unavailable, and becomes ready without a restart",
  async (name) => {
    const { words, begin, end } = TROUBLES[name]!;
    await using redis = await startRedis();
    await using node = await TestNode.open(await connectTo(redis, freshPrefix()));
    const admin = new Redis(redis.port, "127.0.0.1");
    try {
      await node.fill(1, 1);
      const reported: boolean[] = [];
      node.engine.watchReady((ready) => reported.push(ready));
      await begin(admin);
      expect((await node.post("2", { limit: 10 })).outcome).toBe("unavailable");
      await waitUntil("notice", () => !node.engine.ready());
      expect(node.client.lastErrorText).toContain(words);
      const refused = await node.client.commands.set("any", "1").catch((error: unknown) => error);
      expect(node.engine.isUnavailable(refused)).toBe(true);
      await end(admin);
      await waitUntil("it is ready again", () => node.engine.ready());
      expect(await node.post("2", { limit: 10 })).toMatchObject({
        outcome: "stored",
        quota: { remaining: 9 },
      });
      expect(reported).toEqual([false, true]);
    } finally {
      admin.disconnect();
    }
  },
);

test("L3 a node detects a Redis that refuses writes, even when the node writes nothing", async () => {
  await using redis = await startRedis();
  const client = await connectTo(redis, freshPrefix());
  const admin = new Redis(redis.port, "127.0.0.1");
  try {
    await admin.config("SET", "maxmemory", "1mb");
    await waitUntil("notice", () => !client.ready);
  } finally {
    admin.disconnect();
    await client.close();
  }
});
