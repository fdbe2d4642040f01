// What it costs an echo to be counted: `bun bench/standalone/metrics/cost.ts [rounds]`, on Linux. Processor time of the server's main thread for
// one message, in short blocks that alternate between servers that are started together: one with nothing, one with METRICS_ADDRESS, which
// is read every 15 s as Prometheus does, and one that `parley top` watches. A second one with nothing is the control: what it differs by is
// the measurement. Ratios are of the blocks of one turn, so what else the machine does meets all of them. Then what the added calls alone take.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ActivityWindow } from "../../../src/core/activity/activity-window.ts";
import { endingOf } from "../../../src/core/conversation/entry.ts";
import { readActivityFile } from "../../../src/engine/sqlite/folder/activity-files.ts";
import { nearestRank } from "../../../src/protocol/nearest-rank.ts";
import { FastHistogram } from "../../../src/server/metrics/fast-histogram.ts";
import { METRICS } from "../../../src/server/metrics/table.ts";
import { TurnTime } from "../../../src/server/process/turn-time.ts";
import { median } from "../../median.ts";

const MODES = ["nothing", "control", "metrics", "watched"] as const;
type Mode = (typeof MODES)[number];

/** Pairs of processes differ by how the runtime has compiled them, so each round starts others. */
const ROUNDS = Number(process.argv[2] ?? 8);
const TURNS = 20;
const CLIENTS = 100;
const IN_FLIGHT = 8;
const BLOCK_MESSAGES = 8_000;
const WARM_UP_BLOCKS = 8;
const SCRAPE_INTERVAL_MS = 15_000;
const MAIN = join(import.meta.dir, "../../../src/cli/main.ts");

class Server {
  private constructor(
    readonly mode: Mode,
    private readonly folder: string,
    private readonly process: Bun.Subprocess,
    private readonly sockets: readonly WebSocket[],
    private readonly stops: readonly (() => void)[],
  ) {}

  static async start(mode: Mode): Promise<Server> {
    const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
    const started = Bun.spawn([process.execPath, "--no-env-file", MAIN, "serve"], {
      env: {
        ...{ PATH: process.env.PATH ?? "", HOME: folder, DATA_DIR: join(folder, "data"), PORT: "0" },
        ...{ PLANS: "free:0:0,basic:0:0,premium:0:0", BURST_RATE: "0", LOG_LEVEL: "warn" },
        ...(mode === "metrics" && { METRICS_ADDRESS: "127.0.0.1:0" }),
      },
      cwd: folder,
      stdout: "ignore",
      stderr: "pipe",
    });
    let printed = "";
    const decoder = new TextDecoder();
    for await (const chunk of started.stderr) {
      printed += decoder.decode(chunk, { stream: true });
      if (/Page +\S+\n/.test(printed) && (mode !== "metrics" || /Metrics +\S+\n/.test(printed))) break;
    }
    const url = /Console +(\S+)\/\n/.exec(printed)![1]!;
    const body = new URLSearchParams({ username: "user3", password: "password" });
    const answer = await fetch(`${url}/token`, { method: "POST", body });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    const sockets = await Promise.all(
      Array.from({ length: CLIENTS }, (_, i) =>
        open(`${url.replace("http", "ws")}/ws/user3/room-${i}?token=${token}`),
      ),
    );
    const every = (milliseconds: number, task: () => Promise<unknown>) => {
      const timer = setInterval(() => void task(), milliseconds);
      return () => clearInterval(timer);
    };
    const metricsUrl = /Metrics +(\S+)\n/.exec(printed)?.[1];
    const stops = [
      ...(metricsUrl === undefined
        ? []
        : [every(SCRAPE_INTERVAL_MS, async () => (await fetch(metricsUrl)).text())]),
      ...(mode === "watched" ? [every(1_000, () => readActivityFile(join(folder, "data")))] : []),
    ];
    return new Server(mode, folder, started, sockets, stops);
  }

  /** Sends a block, and returns the microseconds of processor time for one message. */
  async block(): Promise<number> {
    const before = this.processorNs();
    let left = BLOCK_MESSAGES;
    let acked = 0;
    const text = "x".repeat(64);
    await new Promise<void>((resolve) => {
      const send = (socket: WebSocket) => {
        if (left-- > 0) socket.send(JSON.stringify({ type: "message", text }));
      };
      for (const socket of this.sockets) {
        socket.onmessage = ({ data }) => {
          if (!(data as string).startsWith('{"type":"ack"')) return;
          if (++acked === BLOCK_MESSAGES) resolve();
          send(socket);
        };
        for (let i = 0; i < IN_FLIGHT; i++) send(socket);
      }
    });
    return (this.processorNs() - before) / 1000 / BLOCK_MESSAGES;
  }

  async stop(): Promise<void> {
    for (const stop of this.stops) stop();
    this.process.kill("SIGKILL");
    await this.process.exited;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private processorNs(): number {
    return processorNs(this.process.pid);
  }
}

/** The processor time of a process's main thread until now, in nanoseconds. */
function processorNs(pid: number | "self"): number {
  return Number(
    readFileSync(`/proc/${pid}/task/${pid === "self" ? process.pid : pid}/schedstat`, "utf8").split(" ")[0],
  );
}

function open(address: string): Promise<WebSocket> {
  const socket = new WebSocket(address);
  return new Promise((resolve, reject) => {
    socket.onmessage = () => resolve(socket);
    socket.onerror = reject;
  });
}

/** Microseconds of processor time for one call, the least of some rounds after one to warm up. */
function timeOf(work: (i: number) => void): number {
  const calls = 200_000;
  const rounds: number[] = [];
  for (let round = 0; round <= 7; round++) {
    const begun = processorNs("self");
    for (let i = 0; i < calls; i++) work(i);
    if (round > 0) rounds.push((processorNs("self") - begun) / 1000 / calls);
  }
  return Math.min(...rounds);
}

const costs = new Map<Mode, number[]>(MODES.map((mode) => [mode, []]));
const ratios = new Map<Mode, number[]>(MODES.map((mode) => [mode, []]));
/** The median ratio of each round: blocks of one pair of processes are not independent. */
const roundRatios = new Map<Mode, number[]>(MODES.map((mode) => [mode, []]));
for (let round = 0; round < ROUNDS; round++) {
  const servers: Server[] = [];
  for (const mode of MODES) servers.push(await Server.start(mode));
  for (let i = 0; i < WARM_UP_BLOCKS; i++) for (const server of servers) await server.block();
  const inRound = new Map<Mode, number[]>(MODES.map((mode) => [mode, []]));
  for (let turn = 0; turn < TURNS; turn++) {
    const found = new Map<Mode, number>();
    // Every second turn runs backwards, so that no server is always the first one.
    for (const server of turn % 2 === 0 ? servers : servers.toReversed())
      found.set(server.mode, await server.block());
    for (const mode of MODES) {
      const ratio = found.get(mode)! / found.get("nothing")!;
      costs.get(mode)!.push(found.get(mode)!);
      ratios.get(mode)!.push(ratio);
      inRound.get(mode)!.push(ratio);
    }
  }
  for (const mode of MODES) roundRatios.get(mode)!.push(median(inRound.get(mode)!));
  for (const server of servers) await server.stop();
}

const percent = (ratio: number) => `${((ratio - 1) * 100).toFixed(1)} %`.padStart(8);
console.log(
  "what            µs a message   more than nothing: median   quartiles of the blocks   medians of the rounds",
);
for (const mode of MODES) {
  const sorted = ratios.get(mode)!.toSorted((a, b) => a - b);
  const rounds = roundRatios.get(mode)!.toSorted((a, b) => a - b);
  console.log(
    [
      mode.padEnd(14),
      median(costs.get(mode)!).toFixed(2).padStart(13),
      percent(median(sorted)).padStart(28),
      `${percent(nearestRank(sorted, 0.25)!)} to ${percent(nearestRank(sorted, 0.75)!)}`,
      `${percent(rounds[0]!)} to ${percent(rounds.at(-1)!)}`,
    ].join("  "),
  );
}

const histogram = (name: keyof typeof METRICS) => {
  const { help, buckets } = METRICS[name] as { help: string; buckets: readonly number[] };
  return new FastHistogram(name, help, buckets);
};
const [acks, frames, deliveries] = [
  histogram("parley_ack_seconds"),
  histogram("parley_frame_bytes"),
  histogram("parley_delivery_seconds"),
];
const message = median(costs.get("nothing")!);
const alone = (what: string, microseconds: number) =>
  console.log(
    `${what}: ${microseconds.toFixed(3)} µs, ${((microseconds / message) * 100).toFixed(2)} % of a message`,
  );
// As in a busy turn of the event loop, whose messages share its time.
const turn = new TurnTime(() => performance.now());
const bodies = Array.from({ length: 1_000 }, (_, i) => `"text":"${"x".repeat(64)}${i}"`);
let endings = 0;
alone(
  "the calls of the metrics alone",
  timeOf((i) => {
    frames.observe(96 + (i % 32));
    const began = turn.now();
    deliveries.observe(Math.max(0, turn.now() - began) / 1000);
    if (endingOf(bodies[i % bodies.length]!) !== undefined) endings++;
    acks.observe((turn.now() - began) / 1000);
  }),
);
const window = new ActivityWindow(0);
const watchedCalls = (names: readonly string[]) =>
  timeOf((i) => {
    const began = turn.now();
    window.message("user3", names[i % names.length]!, turn.now() - began);
  });
const namesOf = (count: number) => Array.from({ length: count }, (_, i) => `room-${i}`);
alone("the calls of the watched server alone", watchedCalls(namesOf(CLIENTS)));
alone("the same with 100,000 conversations", watchedCalls(namesOf(100_000)));
if (endings > 0) throw new Error("No body is of a stream.");
