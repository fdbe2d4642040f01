// What a backup costs the clients: `bun bench/standalone/backup.ts [--messages 300000] [--rounds 5]`, on SQLite. Four senders talk at a steady
// pace to a server that has so many messages; times are milliseconds from when a message was due to its ack. By turns: nothing beside
// it (the control), `parley backup` into an empty folder, and one long read of the store (VACUUM INTO), which the backup avoids.
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openSqlite } from "../../src/engine/sqlite/open.ts";
import { nearestRank } from "../../src/protocol/nearest-rank.ts";
import { systemClock } from "../../src/server/process/system-clock.ts";
import { TestClient } from "../../test/support/clients/test-client.ts";
import { messageContent } from "../../test/support/entries.ts";
import { median } from "../median.ts";

const { values } = parseArgs({
  options: { messages: { type: "string", default: "300000" }, rounds: { type: "string", default: "5" } },
});
const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const SENDERS = 4;
const PACE_MS = 5;
/** How long the control takes, and how often the others are repeated at least, in milliseconds. */
const WINDOW_MS = 3_000;
const TEXT = "x".repeat(150);

const folder = mkdtempSync(join(tmpdir(), "parley-backup-"));
const data = join(folder, "data");
const env = {
  ...{
    PATH: process.env.PATH ?? "",
    HOME: folder,
    DATA_DIR: data,
    PORT: "0",
    PLANS: "free:0:0",
    BURST_RATE: "0",
  },
  ...{ SECRET_KEY: crypto.randomUUID() + crypto.randomUUID(), DEFAULT_PLAN: "free", DEMO_ACCOUNTS: "false" },
};

async function fill(count: number): Promise<void> {
  const store = await openSqlite({ dataDir: data, clock: systemClock(), emit: () => {}, sync: "normal" });
  const post = (id: string, room: number) =>
    new Promise((done) =>
      store.engine.post(
        { conversation: `room-${room}`, user: `user-${room}`, id, limit: 0, ...messageContent(TEXT) },
        done,
      ),
    );
  for (let i = 0; i < count; i += 1_000)
    await Promise.all(Array.from({ length: 1_000 }, (_, k) => post(`${i + k}`, k % 100)));
  await store.close();
}

function run(args: readonly string[]): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  const command = [process.execPath, "--no-env-file", MAIN, ...args];
  return Bun.spawn(command, { env, cwd: folder, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

async function serve() {
  const server = run(["serve"]);
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of server.stderr) {
    text += decoder.decode(chunk);
    const url = /Console +(\S+)\/\n/.exec(text)?.[1];
    if (url !== undefined) return { url, server };
  }
  throw new Error(text);
}

/** Sends at a steady pace until `isDone`; returns the times of the acks. */
async function talk(client: TestClient, isDone: () => boolean): Promise<number[]> {
  const times: number[] = [];
  for (let due = performance.now(); !isDone(); due += PACE_MS) {
    await Bun.sleep(Math.max(0, due - performance.now()));
    client.send({ type: "message", text: TEXT });
    await client.next("ack");
    times.push(performance.now() - due);
  }
  return times;
}

/** One long read of the store in a process of its own. */
async function readLong(round: number): Promise<void> {
  const program = `const { Database } = require("bun:sqlite");
    new Database(${JSON.stringify(join(data, "parley.db"))}).run("vacuum into '${join(folder, `long-${round}.db`)}'");`;
  await Bun.spawn([process.execPath, "-e", program], { stdout: "inherit", stderr: "inherit" }).exited;
}

const kinds = {
  "nothing beside it": () => Bun.sleep(WINDOW_MS),
  "parley backup": async (round: number) => {
    const backup = run(["backup", join(folder, `backup-${round}`)]);
    if ((await backup.exited) !== 0) throw new Error(await new Response(backup.stderr).text());
  },
  "VACUUM INTO": readLong,
} as const;

try {
  await fill(Number(values.messages));
  const { url, server } = await serve();
  const clients = await Promise.all(
    Array.from({ length: SENDERS }, async (_, i) => {
      const token = (await new Response(run(["token", `talker-${i}`]).stdout).text()).trim();
      return TestClient.connect(`${url.replace("http", "ws")}/ws/talker-${i}/talk-${i}?token=${token}`);
    }),
  );
  const rows = new Map<string, { p50: number; p99: number; max: number; seconds: number; wal: number }[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [kind, work] of Object.entries(kinds)) {
      let isDone = false;
      const talking = clients.map((client) => talk(client, () => isDone));
      const began = performance.now();
      await work(round);
      const seconds = (performance.now() - began) / 1000;
      isDone = true;
      const times = (await Promise.all(talking)).flat().sort((a, b) => a - b);
      const wal = statSync(join(data, "parley.db-wal")).size / 2 ** 20;
      const found = { p50: nearestRank(times, 0.5)!, p99: nearestRank(times, 0.99)!, max: times.at(-1)! };
      rows.set(kind, [...(rows.get(kind) ?? []), { ...found, seconds, wal }]);
    }
  }
  using db = new Database(join(data, "parley.db"), { readonly: true });
  const [[count]] = db.query("select count(*) from message").values() as [[number]];
  const size = (statSync(join(data, "parley.db")).size / 2 ** 20).toFixed(0);
  console.log(
    `${count} messages, ${size} MiB; medians of ${values.rounds} rounds, ${SENDERS * (1000 / PACE_MS)} messages a second`,
  );
  for (const [kind, found] of rows) {
    const mid = (key: "p50" | "p99" | "max" | "seconds" | "wal") =>
      median(found.map((row) => row[key])).toFixed(1);
    console.log(
      `${kind.padEnd(18)} p50 ${mid("p50")} ms, p99 ${mid("p99")} ms, longest ${mid("max")} ms; took ${mid("seconds")} s, write-ahead log ${mid("wal")} MiB`,
    );
  }
  server.kill("SIGTERM");
  await server.exited;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
