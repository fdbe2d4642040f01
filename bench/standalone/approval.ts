// What slow approvals cost the others: `bun bench/standalone/approval.ts`, on SQLite. Senders whose messages take 300 ms to approve talk
// beside one whose messages are approved at once. Control, in the same run and by turns: the same number of messages at the same pace, all
// approved at once. The first row is the same without APPROVAL_URL. Times are milliseconds from a message to its ack.
import type { Question } from "../../src/core/approval/question.ts";
import { nearestRank } from "../../src/protocol/nearest-rank.ts";
import { join } from "../../test/support/clients/join.ts";
import type { TestClient } from "../../test/support/clients/test-client.ts";
import { startTestServer } from "../../test/support/server/test-server.ts";
import { median } from "../median.ts";

const SLOW_SENDERS = 50;
const SLOW_MS = 300;
const MESSAGES = 300;
const PACE_MS = 5;
const ROUNDS = 5;

let delayMs = 0;
const operator = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    const { user } = (await request.json()) as Question;
    if (user !== "talker" && delayMs > 0) await Bun.sleep(delayMs);
    return Response.json({ action: "accept" });
  },
});

const env = { PLANS: "free:0:0", DEFAULT_PLAN: "free", BURST_RATE: "0" };

async function talk(client: TestClient): Promise<number> {
  const begun = performance.now();
  client.send({ type: "message", text: "hello" });
  await client.next("ack");
  return performance.now() - begun;
}

/** Messages of one slow sender, one every SLOW_MS, wherever that time goes. */
async function talkSlowly(client: TestClient, isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    const took = await talk(client);
    await Bun.sleep(Math.max(0, SLOW_MS - took));
  }
}

/** Returns the median and the 99th percentile of the talker's acks while the slow senders talk. */
async function measure(talker: TestClient, slow: readonly TestClient[]): Promise<readonly [number, number]> {
  let done = false;
  const others = slow.map((client) => talkSlowly(client, () => done));
  const times: number[] = [];
  for (let i = 0; i < MESSAGES; i++) {
    times.push(await talk(talker));
    await Bun.sleep(PACE_MS);
  }
  done = true;
  await Promise.all(others);
  times.sort((a, b) => a - b);
  return [median(times), nearestRank(times, 0.99)!];
}

async function clientsOf(url: string | undefined) {
  const server = await startTestServer({ env: { ...env, ...(url && { APPROVAL_URL: url }) } });
  const talker = await join(server, "talker");
  const slow = await Promise.all(
    Array.from({ length: SLOW_SENDERS }, (_, i) => join(server, `slow${i}`, { conversation: `room${i}` })),
  );
  return { server, talker, slow };
}

const show = (name: string, rounds: readonly (readonly [number, number])[]) => {
  const [p50, p99] = [median(rounds.map(([one]) => one)), median(rounds.map(([, one]) => one))];
  console.log(`${name.padEnd(34)} p50 ${p50.toFixed(1).padStart(6)}  p99 ${p99.toFixed(1).padStart(6)}`);
  return p99;
};

const bare = await clientsOf(undefined);
const without = [];
for (let i = 0; i < ROUNDS; i++) without.push(await measure(bare.talker, bare.slow));
await bare.server.stop();

const asking = await clientsOf(`http://127.0.0.1:${operator.port}/`);
await measure(asking.talker, asking.slow);
const [quick, slow]: [(readonly [number, number])[], (readonly [number, number])[]] = [[], []];
for (let i = 0; i < ROUNDS; i++) {
  delayMs = 0;
  quick.push(await measure(asking.talker, asking.slow));
  delayMs = SLOW_MS;
  slow.push(await measure(asking.talker, asking.slow));
}
await asking.server.stop();
operator.stop(true);

show("without approval", without);
const control = show("all are approved at once (control)", quick);
const beside = show(`beside approvals of ${SLOW_MS} ms`, slow);
console.log(`p99 beside slow approvals / control: ${(beside / control).toFixed(2)}`);
process.exit(0);
