import { expect, test } from "bun:test";
import type { Message } from "../../src/protocol/server-frames.ts";
import { signToken } from "../../src/server/authentication/tokens.ts";
import { ParleyFolder } from "../cli/parley.ts";
import { TestClient } from "../support/client.ts";
import { Random, seeds } from "../support/random.ts";
import { TEST_SECRET, testKeys } from "../support/tokens.ts";
import { faultsOf } from "./record.ts";
import { Sender } from "./sender.ts";

const KILLS = 22;
const LIMIT = 1_000_000;
const CONVERSATIONS = ["red", "blue"];
const USERS = ["anna", "ben", "carl"];

const ENVIRONMENT = {
  SECRET_KEY: TEST_SECRET,
  PLANS: `free:${LIMIT}:50`,
  BURST_RATE: "0",
  DEMO_ACCOUNTS: "false",
  LOG_LEVEL: "error",
};

for (const seed of seeds(20_250_101)) {
  test(`L2 D1 D2 D3 Q2 kill -9 under load, ${KILLS} times: nothing acked is missing or doubled (seed ${seed})`, async () => {
    await using folder = new ParleyFolder();
    const random = new Random(seed);
    const keys = testKeys();
    const token = (subject: string) => signToken(keys, { subject, now: Date.now() });
    const senders = await Promise.all(
      CONVERSATIONS.flatMap((conversation) =>
        USERS.map(
          async (user) => new Sender(user, conversation, await token(user), `${conversation}.${user}`),
        ),
      ),
    );

    for (let kill = 0; kill < KILLS; kill++) {
      const server = await folder.serve([], ENVIRONMENT);
      await Promise.all(senders.map((sender) => sender.connect(server.url)));
      // In the first answers, in the middle of the flow, or while the keeper takes messages in (each second).
      const [least, most] = random.pick([
        [0, 30],
        [30, 500],
        [900, 1_300],
      ] as const);
      await Bun.sleep(random.between(least, most));
      server.process.kill("SIGKILL");
      await server.process.exited;
      expect(server.process.signalCode).toBe("SIGKILL");
    }

    const server = await folder.serve([], ENVIRONMENT);
    await Promise.all(senders.map((sender) => sender.connect(server.url)));
    await Promise.all(senders.map((sender) => sender.finish()));
    expect(senders.flatMap(({ faults }) => faults)).toEqual([]);

    const stored = new Map<string, Message[]>();
    const reader = await token("reader");
    for (const conversation of CONVERSATIONS)
      stored.set(conversation, await readAll(server.url, conversation, reader));
    const charged = new Map<string, number>();
    for (const user of USERS) charged.set(user, await chargedTo(server.url, await token(user)));

    const sent = senders.flatMap((sender) => sender.sent);
    const acked = senders.flatMap((sender) => sender.acked);
    const heard = senders.flatMap((sender) => sender.heard);
    expect(faultsOf({ sent, acked, heard, stored, charged })).toEqual([]);
    expect(acked).toHaveLength(sent.length);
    expect([...stored.values()].flat()).toHaveLength(sent.length);
    // The kills did hit messages under way, or this would show nothing.
    const retried = senders.reduce((sum, sender) => sum + sender.retried, 0);
    expect(retried).toBeGreaterThan(KILLS);
  }, 120_000);
}

/** A conversation from the first message to the newest. */
async function readAll(url: string, conversation: string, token: string): Promise<Message[]> {
  await using client = await TestClient.connect(
    `${url.replace(/^http/, "ws")}/ws/reader/${conversation}?token=${token}`,
  );
  const messages: Message[] = [];
  for (let more = true; more; ) {
    client.send({ type: "history", after: messages.at(-1)?.seq ?? 0, limit: 200 });
    const page = await client.next("history");
    messages.push(...page.messages);
    more = page.more;
  }
  return messages;
}

/** What was charged to the bearer within the hour. */
async function chargedTo(url: string, token: string): Promise<number> {
  const answer = await fetch(`${url}/me`, { headers: { Authorization: `Bearer ${token}` } });
  const { quota } = (await answer.json()) as { quota: { limit: number; remaining: number } };
  return quota.limit - quota.remaining;
}
