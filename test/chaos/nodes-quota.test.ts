import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ServerFrame } from "../../src/protocol/server-frames.ts";
import { signToken } from "../../src/server/authentication/tokens.ts";
import { NodeProcesses } from "../cli/node-processes.ts";
import { TestClient } from "../support/clients/test-client.ts";
import { Random, seeds } from "../support/random.ts";
import { startRedis, type TestRedis } from "../support/redis/redis-server.ts";
import { TEST_SECRET, testKeys } from "../support/server/tokens.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const NODES = 4;
const SENDERS = 64;
const CONVERSATIONS = 8;
const MESSAGES_PER_SENDER = 12;

/** One message in so many is also sent through another node, under its id. */
const REPEAT_ONE_IN = 5;

const SEEDS = seeds(20_250_501, 20_250_502, 20_250_503, 20_250_504);

/** Requests an hour of the plan that the user of a seed has: always fewer than are sent. */
const limitOf = (seed: number) => new Random(seed).between(50, (SENDERS * MESSAGES_PER_SENDER) / 2);

let redis: TestRedis;
let nodes: NodeProcesses;
beforeAll(async () => {
  redis = await startRedis();
  const plans = ["free:1000000:0", ...SEEDS.map((seed) => `plan-${seed}:${limitOf(seed)}:0`)];
  nodes = await NodeProcesses.start(NODES, () => ({
    REDIS_URL: redis.url,
    SECRET_KEY: TEST_SECRET,
    PLANS: plans.join(","),
    BURST_RATE: "0",
    HANDSHAKES_PER_MINUTE: "0",
    MAX_CONNECTIONS_PER_ADDRESS: "0",
    DEMO_ACCOUNTS: "false",
    LOG_LEVEL: "error",
  }));
});
afterAll(async () => {
  await nodes?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
});

async function connect(node: number, user: string, conversation: string, plan?: string): Promise<TestClient> {
  const claims = { subject: user, now: Date.now(), ...(plan !== undefined && { plan }) };
  const token = await signToken(await testKeys(), claims);
  return TestClient.connect(
    `${nodes.url(node).replace("http", "ws")}/ws/${user}/${conversation}?token=${token}`,
  );
}

for (const seed of SEEDS) {
  test(`Q1 Q2 D3 64 senders of one user on four nodes: exactly N messages are accepted (seed ${seed})`, async () => {
    const random = new Random(seed);
    const [user, plan, limit] = [`anna-${seed}`, `plan-${seed}`, limitOf(seed)];
    const rooms = Array.from({ length: CONVERSATIONS }, (_, i) => `room-${seed}-${i}`);
    const senders = await Promise.all(
      Array.from({ length: SENDERS }, (_, i) =>
        connect(i % NODES, user, rooms[(i >> 2) % CONVERSATIONS]!, plan),
      ),
    );
    /** The sent ids by room; other senders in that room may send the same ids. */
    const all: { sender: TestClient; twin: TestClient; id: string }[] = [];
    for (const [i, sender] of senders.entries())
      for (let n = 0; n < MESSAGES_PER_SENDER; n++)
        // The next sender is in the same room, on another node.
        all.push({ sender, twin: senders[(i & ~3) | ((i + 1) & 3)]!, id: `m-${i}-${n}` });
    for (let i = all.length - 1; i > 0; i--) {
      const j = random.between(0, i);
      [all[i], all[j]] = [all[j]!, all[i]!];
    }
    const sent = new Map(senders.map((sender) => [sender, 0]));
    const send = (by: TestClient, id: string) => {
      by.send({ type: "message", id, text: "one of many" });
      sent.set(by, sent.get(by)! + 1);
    };
    for (const [i, { sender, twin, id }] of all.entries()) {
      send(sender, id);
      if (random.between(1, REPEAT_ONE_IN) === 1) send(twin, id);
      // In chunks, so that nodes and senders alternate, and no sender gets everything first.
      if (i % 32 === 0) await Bun.sleep(1);
    }
    /** Refusals of a busy machine, whose Redis was too slow for a moment; refused messages are sent again. */
    const sentAgain = new Set<ServerFrame>();
    await waitUntil("every message has a result", async () => {
      for (const sender of senders)
        for (const error of sender.of("error"))
          if (error.code === "unavailable" && !sentAgain.has(error)) {
            sentAgain.add(error);
            send(sender, error.id!);
          }
      return senders.every(
        (sender) => sender.of("ack").length + sender.of("error").length >= sent.get(sender)!,
      );
    });

    const acked = new Set(senders.flatMap((sender) => sender.of("ack").map(({ id }) => id)));
    const refused = senders.flatMap((sender) => sender.of("error")).filter((error) => !sentAgain.has(error));
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["rate_limited"]));
    expect(acked.size).toBe(limit);
    for (const sender of senders) for (const { quota } of sender.of("ack")) expect(quota!.limit).toBe(limit);

    let stored = 0;
    for (const [i, room] of rooms.entries()) {
      await using reader = await connect(i % NODES, "reader", room);
      const { seq } = reader.of("welcome")[0]!;
      reader.send({ type: "history", limit: 200 });
      const { messages } = await reader.next("history");
      expect(new Set(messages.map(({ id }) => id)).size).toBe(messages.length);
      for (const { id } of messages) expect(acked.has(id)).toBe(true);
      stored += seq;
    }
    expect(stored).toBe(limit);
    await Promise.all(senders.map((sender) => sender[Symbol.asyncDispose]()));
  });
}
