// The story: a key under Parley's prefix held another type. Posting failed with `unavailable`, while the socket and
// `/me` failed with `internal`, and no log line named the key.
import { expect, test } from "bun:test";
import { Redis } from "ioredis";
import { startRedis } from "../../../support/redis/redis-server.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix } from "../support/real-redis.ts";
import { connectTo, TestNode } from "../support/test-node.ts";

test("L3 a key of another type causes `unavailable` for its readers and one log line; other keys are not affected", async () => {
  await using redis = await startRedis();
  const log = new RecordedLog();
  const client = await connectTo(redis, freshPrefix(), log);
  await using node = await TestNode.open(client);
  const admin = new Redis(redis.port, "127.0.0.1");
  try {
    const quota = client.keys.userKey("anna", "quota");
    await admin.set(quota, "x");
    const refused = await node.engine.quota("anna", 5).catch((error: unknown) => error);
    expect(String(refused)).toContain("WRONGTYPE");
    expect(node.engine.isUnavailable(refused)).toBe(true);
    expect((await node.post("1", { limit: 5 })).outcome).toBe("unavailable");
    await admin.set(client.keys.conversationKey("room", "marks"), "x");
    const unread = await node.engine.readMarks("room", ["anna", "ben"]).catch((error: unknown) => error);
    expect(node.engine.isUnavailable(unread)).toBe(true);
    const lines = () => log.entries.filter(({ event }) => event === "store.wrong_type");
    await waitUntil("a log line", () => lines().length > 0);
    expect(lines()).toMatchObject([{ level: "error", fields: { keys: `${quota} (string)` } }]);
    expect(node.engine.ready()).toBe(true);
    const other = await node.post("2", { user: "ben", limit: 5, conversation: "other" });
    expect(other.outcome).toBe("stored");
  } finally {
    admin.disconnect();
  }
});
