// In Redis Cluster one primary can refuse writes while the others, and the one with the keys of all nodes, serve.
import { expect, test } from "bun:test";
import { Keys } from "../../../src/engine/redis/connection/keys.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startRedisCluster } from "../../support/redis/cluster.ts";
import { withRedis } from "../../support/redis/connection.ts";
import type { TestRedis } from "../../support/redis/redis-server.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

const set = (setting: string, value: string) => (primary: TestRedis) =>
  withRedis(primary.port, async (redis) => void (await redis.config("SET", setting, value)));

interface Trouble {
  /** The reason in the log. */
  readonly words: string;
  begin(primary: TestRedis): Promise<void>;
  end(primary: TestRedis): Promise<void>;
}

const TROUBLES: Readonly<Record<string, Trouble>> = {
  "is full": {
    words: "its memory is full (maxmemory), so it takes no writes",
    begin: set("maxmemory", "1mb"),
    end: set("maxmemory", "0"),
  },
  "lacks replicas": {
    words: "it has fewer replicas than min-replicas-to-write asks for, so it takes no writes",
    begin: set("min-replicas-to-write", "1"),
    end: set("min-replicas-to-write", "0"),
  },
};

const readiness = async ({ url }: TestServer) => (await fetch(`${url}/readyz`)).status;

test.each(Object.keys(TROUBLES))(
  "L3 while one primary of a Cluster %s, /readyz is 503, and conversations on the others go on",
  async (name) => {
    const { words, begin, end } = TROUBLES[name]!;
    await using cluster = await startRedisCluster();
    const keys = new Keys("parley");
    const conversationKey = (conversation: string) => keys.conversationKey(conversation, "meta");
    const primary = cluster.nodes.at(-1)!;
    const [bad, good, user] = await Promise.all([
      cluster.findName(
        (i) => `bad${i}`,
        conversationKey,
        (owner) => owner === primary,
      ),
      cluster.findName(
        (i) => `good${i}`,
        conversationKey,
        (owner) => owner !== primary,
      ),
      cluster.findName(
        (i) => `user${i}`,
        (name) => keys.userKey(name, "quota"),
        (owner) => owner !== primary,
      ),
    ]);
    await using server = await startTestServer({ env: { REDIS_URL: cluster.url } });
    const token = await server.token(user);
    const connect = (conversation: string) =>
      TestClient.connect(`${server.wsUrl}/ws/${user}/${conversation}?token=${token}`);
    await using inBad = await connect(bad);
    await using inGood = await connect(good);
    const events = (wanted: string) => server.log.entries.filter(({ event }) => event === wanted);
    expect(await readiness(server)).toBe(200);

    await begin(primary);
    await waitUntil("/readyz is 503", async () => (await readiness(server)) === 503);
    inBad.send({ type: "message", text: "hello", id: "b1" });
    expect(await inBad.next("error")).toMatchObject({ code: "unavailable", id: "b1" });
    inGood.send({ type: "message", text: "hello", id: "g1" });
    expect(await inGood.next("ack")).toMatchObject({ id: "g1", seq: 1 });
    expect(events("store.partly_unavailable")[0]?.fields).toMatchObject({
      problems: [expect.stringContaining(`127.0.0.1:${primary.port}: ${words}`)],
    });
    expect(await readiness(server)).toBe(503);

    await end(primary);
    await waitUntil("/readyz is 200", async () => (await readiness(server)) === 200);
    expect(events("store.all_writable")).toHaveLength(1);
    await waitUntil("the message is stored", async () => {
      inBad.send({ type: "message", text: "hello", id: "b1" });
      for (;;) {
        const count = inBad.frames.length;
        await waitUntil("an answer", () => inBad.frames.length > count);
        const { type } = inBad.frames.at(-1)!;
        if (type === "ack" || type === "error") return type === "ack";
      }
    });
    // Most of the store serves, so the clients are not notified.
    for (const client of [inBad, inGood]) expect(client.of("degraded")).toEqual([]);
  },
);
