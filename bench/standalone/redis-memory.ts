// The memory of Redis for a user, a conversation and a message: `bun bench/standalone/redis-memory.ts`. Starts its own
// redis-server and reads MEMORY USAGE.

import { encodeMessageBody } from "../../src/core/conversation/entry.ts";
import { UNLIMITED_RETENTION } from "../../src/core/conversation/retention.ts";
import type { PostResult } from "../../src/core/ports/message-log.ts";
import { connectTo, TestNode } from "../../test/engine/redis/support/test-node.ts";
import { startRedis } from "../../test/support/redis/redis-server.ts";

const PLANS = { free: 100, basic: 1_000, premium: 10_000 };
const MESSAGES = [1, 100, 1_000, 10_000];
const TEXT = "x".repeat(64);

await using redis = await startRedis();
await using node = await TestNode.open(await connectTo(redis, "parley"), { retention: UNLIMITED_RETENTION });
const { commands, keys } = node.client;

const memory = async (...names: readonly string[]): Promise<number> => {
  const each = await Promise.all(names.map((name) => commands.memory("USAGE", name, "SAMPLES", 0)));
  return each.reduce<number>((sum, bytes) => sum + Number(bytes ?? 0), 0);
};

const post = (conversation: string, user: string, id: string, limit: number): Promise<PostResult> =>
  new Promise((done) =>
    node.engine.post({ conversation, user, id, kind: "message", body: encodeMessageBody(TEXT), limit }, done),
  );

for (const [plan, limit] of Object.entries(PLANS)) {
  // In parts, or all of them would have one time.
  for (let sent = 0; sent < limit; sent += 50)
    await Promise.all(Array.from({ length: 50 }, (_, i) => post("quota", plan, `${sent + i}`, limit)));
  console.log(`user at the limit of ${plan}: ${await memory(keys.userKey(plan, "quota"))} B`);
}

for (const count of MESSAGES) {
  const conversation = `room-of-${count}`;
  for (let sent = 0; sent < count; sent += 500) {
    const part = Math.min(500, count - sent);
    await Promise.all(Array.from({ length: part }, () => post(conversation, "anna", crypto.randomUUID(), 0)));
  }
  const of = (what: "meta" | "log" | "ids") => memory(keys.conversationKey(conversation, what));
  const [meta, log, ids] = [await of("meta"), await of("log"), await of("ids")];
  const each = ((log + ids) / count).toFixed(0);
  console.log(`${count} messages of 64 B: meta ${meta} B, log ${log} B, ids ${ids} B; ${each} B a message`);
}
