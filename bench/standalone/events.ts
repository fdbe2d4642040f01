// How fast a back end gets events: `bun bench/standalone/events.ts`, on the embedded store and on one Redis. A reader asks `GET /events` from
// the oldest event to the newest, in pages of 1,000; a webhook is replayed to a receiver that answers at once. The server is a process
// of its own, reader and receiver are this one. Processor time is the server's, which a busy machine changes little; medians of the rounds.
import { readFileSync } from "node:fs";
import { hashOfApiKey, newApiKey } from "../../src/server/authentication/api-keys.ts";
import { ParleyFolder, type Running } from "../../test/cli/parley-folder.ts";
import { startRedis } from "../../test/support/redis/redis-server.ts";
import { TEST_SECRET } from "../../test/support/server/tokens.ts";
import { median } from "../median.ts";

const MESSAGES = 20_000;
const CONVERSATIONS = 100;
const TEXT = "x".repeat(200);
const ROUNDS = 5;
/** Most messages of one request. */
const BATCH = 100;
/** Linux counts processor time in hundredths of a second. */
const TICK_MICROS = 10_000;

const KEY = newApiKey();
const ENV = {
  SECRET_KEY: TEST_SECRET,
  API_KEYS: `bench:${hashOfApiKey(KEY)}:read+write+manage`,
  WEBHOOK_ALLOW_PRIVATE: "true",
  DEMO_ACCOUNTS: "false",
  LOG_LEVEL: "error",
};

interface Round {
  readonly eventsPerSecond: number;
  /** Of the server, for an event. */
  readonly micros: number;
}

async function call(server: Running, method: string, path: string, body?: unknown) {
  const answer = await fetch(server.url + path, {
    method,
    headers: { Authorization: `Bearer ${KEY}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
  return answer.json();
}

function processorMicros({ process: { pid } }: Running): number {
  // The name of the program is in brackets, and may have blanks.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
}

async function measure(server: Running, work: () => Promise<unknown>): Promise<Round> {
  const [began, before] = [performance.now(), processorMicros(server)];
  await work();
  const seconds = (performance.now() - began) / 1_000;
  return {
    eventsPerSecond: MESSAGES / seconds,
    micros: (processorMicros(server) - before) / MESSAGES,
  };
}

async function readAll(server: Running): Promise<void> {
  let count = 0;
  for (let after = "0", more = true; more; ) {
    const page = await call(server, "GET", `/events?types=message.created&limit=1000&after=${after}`);
    count += page.events.length;
    ({ position: after, more } = page);
  }
  if (count !== MESSAGES) throw new Error(`${count} events instead of ${MESSAGES}`);
}

/** A receiver that answers at once; `all` resolves when it has got so many different events. */
function openReceiver() {
  let done = Promise.withResolvers<void>();
  const ids = new Set<string>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      ids.add(request.headers.get("webhook-id")!);
      if (ids.size === MESSAGES) done.resolve();
      return new Response(null, { status: 204 });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/`,
    all() {
      ids.clear();
      done = Promise.withResolvers<void>();
      return done.promise;
    },
    close: () => server.stop(true),
  };
}

function show(name: string, rounds: readonly Round[]): void {
  const rate = median(rounds.map(({ eventsPerSecond }) => eventsPerSecond));
  const micros = median(rounds.map((round) => round.micros));
  console.log(
    `${name.padEnd(28)} ${Math.round(rate).toString().padStart(7)} events/s  ${micros.toFixed(1).padStart(6)} µs each`,
  );
}

async function run(name: string, env: Record<string, string>): Promise<void> {
  await using folder = new ParleyFolder();
  const server = await folder.serve([], { ...ENV, ...env });
  for (let first = 0; first < MESSAGES; first += BATCH)
    await call(
      server,
      "POST",
      "/messages",
      Array.from({ length: BATCH }, (_, n) => ({
        conversation: `c${(first + n) % CONVERSATIONS}`,
        text: TEXT,
      })),
    );
  const reading: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) reading.push(await measure(server, () => readAll(server)));
  show(`${name}, GET /events`, reading);

  const receiver = openReceiver();
  await call(server, "POST", "/webhooks", { id: "bench", url: receiver.url, types: ["message.created"] });
  const sending: Round[] = [];
  for (let round = 0; round < ROUNDS; round++)
    sending.push(
      await measure(server, async () => {
        const all = receiver.all();
        await call(server, "POST", "/webhooks/bench/replay", { after: "0" });
        await all;
      }),
    );
  show(`${name}, a webhook`, sending);
  receiver.close();
}

await run("embedded", {});
await using redis = await startRedis();
await run("one Redis", { REDIS_URL: redis.url });
