// What members cost on Redis: `bun bench/standalone/redis-members.ts`. Starts its own redis-server. Costs are processor time of
// Redis, in microseconds; memory is that of MEMORY USAGE.

import { encodeMessageBody } from "../../src/core/conversation/entry.ts";
import type { ConversationChange } from "../../src/core/members/records.ts";
import type { PostRequest } from "../../src/core/ports/message-log.ts";
import { connectTo } from "../../test/engine/redis/support/real-redis.ts";
import { TestMemberNode } from "../../test/engine/redis/support/test-member-node.ts";
import { startRedis } from "../../test/support/redis/redis-server.ts";
import { median } from "../median.ts";

const BODY = encodeMessageBody("x".repeat(64));
const BATCH_SIZE = 64;
const BATCHES = 200;
const JOINS = { members: 100_000, conversations: 20_000 };

await using redis = await startRedis();
await using store = await TestMemberNode.open(await connectTo(redis.url, "parley"));
const { members, node, news } = store;
const { commands, keys } = node.client;

async function redisMicros(): Promise<number> {
  const info = await commands.info("cpu");
  const of = (kind: string) =>
    1e6 * Number(new RegExp(`used_cpu_${kind}_main_thread:([\\d.]+)`).exec(info)?.[1] ?? 0);
  return of("user") + of("sys");
}

async function cost(what: string, count: number, run: () => Promise<void>): Promise<void> {
  const before = await redisMicros();
  await run();
  console.log(`${what}: ${(((await redisMicros()) - before) / count).toFixed(1)} µs`);
}

const post = (conversation: string, user: string, extra: Partial<PostRequest> = {}) =>
  new Promise<void>((resolve, reject) =>
    node.engine.post(
      { conversation, user, id: crypto.randomUUID(), kind: "message", body: BODY, limit: 0, ...extra },
      ({ outcome }) => (outcome === "stored" ? resolve() : reject(new Error(outcome))),
    ),
  );

async function change(conversation: string, fields: Partial<ConversationChange>): Promise<void> {
  const { revision } = await members.read(conversation, []);
  if (!(await members.change(conversation, revision, { news: [], ...fields })))
    throw new Error("not changed");
}

async function talk(conversation: string, extra?: Partial<PostRequest>): Promise<void> {
  for (let batch = 0; batch < BATCHES; batch++)
    await Promise.all(Array.from({ length: BATCH_SIZE }, (_, i) => post(conversation, `user${i}`, extra)));
}

const size = async (key: string) => Number(await commands.memory("USAGE", key, "SAMPLES", 0));

for (const conversation of ["plain", "open", "private", "guarded"])
  for (let i = 0; i < BATCH_SIZE; i++) await post(conversation, `user${i}`, { joins: JOINS });
await change("private", { facts: { access: "members", at: 1 } });
await change("guarded", {
  facts: { access: "members", at: 1 },
  standings: [{ user: "loud", muted: { by: "ann", at: 1 } }],
});
const all = BATCHES * BATCH_SIZE;
await talk("plain");
await cost("a message where nothing is set", all, () => talk("plain"));
await cost("a message of a known member", all, () => talk("open", { joins: JOINS }));
await cost("a message where only members may speak", all, () => talk("private"));
await cost("a message where only members may speak and a user is muted", all, () => talk("guarded"));
await cost("a message that makes its sender a member", all, async () => {
  for (let batch = 0; batch < BATCHES; batch++)
    await Promise.all(
      Array.from({ length: BATCH_SIZE }, (_, i) =>
        post("large", `guest${batch * BATCH_SIZE + i}`, { joins: JOINS }),
      ),
    );
});
const perMember = async (part: "members" | "names") =>
  ((await size(keys.conversationKey("large", part))) / all).toFixed(0);
console.log(`a member: members ${await perMember("members")} B, names ${await perMember("names")} B`);
await cost("one reading of the news of all buckets", 1_000, async () => {
  for (let i = 0; i < 1_000; i++) await news.poll();
});

for (const count of [100, 1_000, 10_000]) {
  const user = `member-of-${count}`;
  for (let i = 0; i < count; i += 500)
    await Promise.all(
      Array.from({ length: Math.min(500, count - i) }, (_, n) =>
        post(`room${i + n}`, user, { joins: JOINS }),
      ),
    );
  const times: number[] = [];
  const before = await redisMicros();
  for (let i = 0; i < 10; i++) {
    const started = performance.now();
    const { conversations } = await members.conversationsOf(user, { limit: 20_000 });
    if (conversations.length !== count) throw new Error(`${conversations.length} of ${count}`);
    times.push(performance.now() - started);
  }
  const micros = ((await redisMicros()) - before) / 10 / count;
  const each = ((await size(keys.userKey(user, "conversations"))) / count).toFixed(0);
  console.log(
    `the list of ${count} conversations: ${median(times).toFixed(1)} ms; a conversation costs Redis ${micros.toFixed(1)} µs and ${each} B`,
  );
}
