// What the inbox costs: `bun bench/standalone/inbox.ts`, on SQLite; with `--redis` on a Redis of its own. The store has a
// million memberships: 1,000 users in 1,000 conversations each. With `--quick` a tenth of that. Times are milliseconds; processor
// time is that of this process, which has the engine and the inboxes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeProvider } from "../../src/cli/store/providers.ts";
import { encodeMessageBody } from "../../src/core/conversation/entry.ts";
import type { InboxAsk } from "../../src/core/inbox/answer.ts";
import { Inboxes } from "../../src/server/inbox/inboxes.ts";
import type { InboxClient } from "../../src/server/inbox/user-list.ts";
import { systemClock } from "../../src/server/process/system-clock.ts";
import { readSettings } from "../../src/server/settings/read.ts";
import { startRedis } from "../../test/support/redis/redis-server.ts";
import { median } from "../median.ts";

const isQuick = process.argv.includes("--quick");
const USERS = isQuick ? 100 : 1_000;
const CONVERSATIONS = 1_000;
/** The conversations of one user more. */
const MANY = isQuick ? 2_000 : 10_000;
const ROUNDS = 7;
const STANDINGS_AT_ONCE = 1_000;

const folder = mkdtempSync(join(tmpdir(), "parley-inbox-"));
const redis = process.argv.includes("--redis") ? await startRedis() : undefined;
const read = readSettings({
  env: {
    DATA_DIR: folder,
    SECRET_KEY: crypto.randomUUID() + crypto.randomUUID(),
    ...(redis && { REDIS_URL: redis.url }),
  },
});
if ("problems" in read) throw new Error(read.problems.join("\n"));
const clock = systemClock();
const emit = () => {};
const { store } = await storeProvider(read.settings).open({ clock, emit });
const { engine, members } = store;
const inboxes = new Inboxes({
  inbox: engine.inbox,
  members,
  clock,
  emit,
  isStoreUnavailable: (error) => engine.isUnavailable(error),
});

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

async function addAll(conversation: string, users: readonly string[]): Promise<void> {
  for (let from = 0; from < users.length; from += STANDINGS_AT_ONCE) {
    const standings = users
      .slice(from, from + STANDINGS_AT_ONCE)
      .map((user) => ({ user, role: "member" as const }));
    const { revision } = await members.read(conversation, []);
    await members.change(conversation, revision, { standings, news: [] });
  }
}

const say = (conversation: string, user: string) =>
  new Promise<void>((resolve, reject) =>
    engine.post(
      {
        conversation,
        user,
        id: crypto.randomUUID(),
        kind: "message",
        body: encodeMessageBody("hello"),
        limit: 0,
      },
      ({ outcome }) => (outcome === "stored" ? resolve() : reject(new Error(outcome))),
    ),
  );

/** All users return at once, while messages are sent one after the other; reports how long one of these took at most. */
async function returnOfAll(users: readonly string[], after: InboxAsk): Promise<void> {
  let returned = false;
  const returns = Promise.all(users.map((user) => inboxes.read(user, {}, after))).finally(() => {
    returned = true;
  });
  const latencies: number[] = [];
  while (!returned) {
    const sentAt = performance.now();
    await say("talk", "other");
    latencies.push(performance.now() - sentAt);
    await Bun.sleep(1);
  }
  await returns;
  const sorted = latencies.sort((one, other) => one - other);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(1);
  console.log(`  ${sorted.length} messages meanwhile: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
}

async function time(what: string, run: () => Promise<unknown>, rounds = ROUNDS): Promise<void> {
  const times: number[] = [];
  const costs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    const startedAt = performance.now();
    await run();
    times.push(performance.now() - startedAt);
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / 1_000);
  }
  console.log(`${what}: ${median(times).toFixed(1)} ms, processor time ${median(costs).toFixed(1)} ms`);
}

try {
  const users = names("user-", USERS);
  const startedAt = performance.now();
  for (const conversation of names("c-", CONVERSATIONS)) await addAll(conversation, users);
  for (const conversation of names("many-", MANY)) await addAll(conversation, ["many"]);
  await Promise.all(names("c-", CONVERSATIONS).map((conversation) => say(conversation, "other")));
  await Promise.all(names("many-", MANY).map((conversation) => say(conversation, "other")));
  console.log(
    `${redis ? "Redis" : "SQLite"}, ${USERS * CONVERSATIONS + MANY} memberships, made in ${Math.round((performance.now() - startedAt) / 1_000)} s`,
  );
  const page = { limit: 50, cursor: undefined, after: undefined };
  await time(`a page of 50, ${CONVERSATIONS} conversations`, () => inboxes.read("user-1", {}, page));
  await time(`a page of 50, ${MANY} conversations`, () => inboxes.read("many", {}, page));
  // Older than the slack of positions, so that a return brings only what has changed since.
  await Bun.sleep(10_500);
  const { position } = JSON.parse(await inboxes.read("user-1", {}, page)) as { position: string };
  const after = { limit: 200, cursor: undefined, after: position };
  await Bun.sleep(10_500);
  for (const conversation of names("c-", 20)) await say(conversation, "other");
  await time("a return with `after`, 20 of 1,000 conversations changed", () =>
    inboxes.read("user-2", {}, after),
  );
  await time("returns of 100 users at once", () =>
    Promise.all(names("user-", 100).map((user) => inboxes.read(user, {}, after))),
  );
  await time(`returns of ${USERS} users at once`, () => returnOfAll(users, after), 3);
  let next = 0;
  for (const count of [10, 1_000, isQuick ? 2_000 : 10_000]) {
    const large = `large-${count}`;
    const own = names(`of-${count}-`, count);
    await addAll(large, own);
    await time(`a message to ${count} members without an inbox`, () => say(large, "other"));
    const counts = { received: 0 };
    const clients: InboxClient[] = [];
    for (const user of own) {
      const socket = {
        user,
        isWritable: true,
        deliver: (frame: string) => void (frame.startsWith('{"type":"inbox_item"') && counts.received++),
        drained: async () => {},
      };
      const client = inboxes.open(socket, {});
      clients.push(client);
      await inboxes.request(client, page, undefined);
    }
    await time(`a message to ${count} members with an inbox, until all have the item`, async () => {
      counts.received = 0;
      next++;
      await say(large, "other");
      while (counts.received < count) await Bun.sleep(5);
    });
    for (const client of clients) inboxes.close(client);
  }
  if (next === 0) throw new Error("nothing was measured");
} finally {
  inboxes.stop();
  await store.close();
  await redis?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}
