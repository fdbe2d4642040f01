// What a talking pair feels while 1,000 sockets of users come back and open 10 conversations each:
// `taskset -c 1 bun bench/standalone/many-conversations.ts`. They arrive within three seconds, as the client library spreads them after a cut, and have
// missed 5 messages in each conversation. The server has core 0. The returning sockets are another process of the lowest
// priority, so that the pair does not wait for them. A round that is not counted comes first, as in the case `resume` (bench/README.md).
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "../median.ts";
import { startParley } from "../peers/parley.ts";

const SOCKETS = 1_000;
const OPENED = 10;
const CONVERSATIONS = 1_000;
const MISSED = 5;
const SPREAD_MS = 3_000;
const QUIET_MS = 4_000;
const ROUNDS = 3;
const INTERVAL_MS = 10;

interface Returning {
  readonly origin: string;
  readonly targets: readonly string[];
}

const nameOf = (socket: number, i: number) => `many-${(socket * OPENED + i) % CONVERSATIONS}`;

if (process.argv[2] === "--return") {
  const { origin, targets } = JSON.parse(await Bun.stdin.text()) as Returning;
  await returnAll(origin, targets);
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), "parley-many-"));
mkdirSync(join(folder, "server"));
try {
  await using server = await startParley({ folder: join(folder, "server"), members: 1 });
  const origin = `ws://127.0.0.1:${server.port}`;
  // `target` has a conversation at the end of its path; the socket of a user has none.
  const targetOf = (user: string) => server.target(user, "-").replace("/-?", "?");
  await fill(origin + targetOf("writer"));
  const pair = await Promise.all(
    ["one", "other"].map((user) => connect(origin + server.target(user, "pair"))),
  );
  const [sender, receiver] = pair as [WebSocket, WebSocket];
  const returning = { origin, targets: Array.from({ length: SOCKETS }, (_, i) => targetOf(`user-${i}`)) };
  const ratios: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const quiet = await talk(sender, receiver, Bun.sleep(QUIET_MS));
    const child = Bun.spawn(["nice", "-n", "19", process.execPath, import.meta.path, "--return"], {
      stdin: Buffer.from(JSON.stringify(returning)),
      stdout: "pipe",
      stderr: "inherit",
    });
    const busy = await talk(sender, receiver, child.exited);
    if (child.exitCode !== 0) throw new Error("the returning sockets failed");
    const report = (await new Response(child.stdout).text()).trim();
    if (round > 0) ratios.push(busy / quiet);
    const counted = round > 0 ? `round ${round}` : "not counted";
    console.log(
      `${counted}: p99 quiet ${quiet.toFixed(2)} ms, meanwhile ${busy.toFixed(2)} ms, ratio ${(busy / quiet).toFixed(1)}; ${report}`,
    );
    await Bun.sleep(2_000);
  }
  console.log(`median ratio ${median(ratios).toFixed(1)} (the bar is 5)`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Connects; resolves with `welcome`. */
function connect(address: string): Promise<WebSocket> {
  const socket = new WebSocket(address);
  return new Promise((resolve, reject) => {
    socket.onmessage = () => resolve(socket);
    socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
  });
}

/** Sends MISSED messages to each conversation. */
async function fill(address: string): Promise<void> {
  const socket = await connect(address);
  for (let round = 0; round < MISSED; round++) {
    let open = CONVERSATIONS;
    const done = Promise.withResolvers<void>();
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data)) as { type: string };
      if (frame.type === "error") done.reject(new Error(String(data)));
      if (frame.type === "ack" && --open === 0) done.resolve();
    };
    for (let i = 0; i < CONVERSATIONS; i++)
      socket.send(
        JSON.stringify({
          type: "message",
          conversation: `many-${i}`,
          id: `missed-${round}-${i}`,
          text: "x".repeat(64),
        }),
      );
    await done.promise;
  }
  socket.close();
}

/** Sends messages until `end`. Returns the p99 from when each was due to when it was read, in milliseconds. */
async function talk(sender: WebSocket, receiver: WebSocket, end: Promise<unknown>): Promise<number> {
  const latencies: number[] = [];
  let ended = false;
  end.finally(() => {
    ended = true;
  });
  receiver.onmessage = ({ data }) => {
    const { type, text } = JSON.parse(String(data)) as { type: string; text: string };
    if (type === "message") latencies.push(performance.now() - Number(text));
  };
  for (let due = performance.now(); !ended; due += INTERVAL_MS) {
    await Bun.sleep(Math.max(0, due - performance.now()));
    sender.send(JSON.stringify({ type: "message", id: crypto.randomUUID(), text: String(due) }));
  }
  await end;
  await Bun.sleep(100);
  const sorted = latencies.sort((one, other) => one - other);
  return sorted[Math.floor((sorted.length - 1) * 0.99)]!;
}

/** Connects all sockets within SPREAD_MS, and opens the conversations of each; prints how long it took until all were open. */
async function returnAll(origin: string, targets: readonly string[]): Promise<void> {
  const startedAt = performance.now();
  const times = await Promise.all(
    targets.map(async (target, i) => {
      await Bun.sleep(Math.random() * SPREAD_MS);
      const from = performance.now();
      const socket = await connect(origin + target);
      const done = Promise.withResolvers<void>();
      let missing = OPENED * MISSED;
      socket.onmessage = ({ data }) => {
        const { type } = JSON.parse(String(data)) as { type: string };
        if (type === "error") done.reject(new Error(String(data)));
        if (type === "message" && --missing === 0) done.resolve();
      };
      const conversations = Array.from({ length: OPENED }, (_, k) => ({
        conversation: nameOf(i, k),
        after: 0,
      }));
      socket.send(JSON.stringify({ type: "open", conversations }));
      await done.promise;
      return performance.now() - from;
    }),
  );
  const slowest = Math.max(...times).toFixed(0);
  console.log(
    `all were back after ${(performance.now() - startedAt).toFixed(0)} ms, the slowest took ${slowest} ms`,
  );
}
