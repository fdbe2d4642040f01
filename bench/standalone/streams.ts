// What streams cost (ST7): `taskset -c 1 bun bench/standalone/streams.ts [--redis] [--writers 100] [--seconds 10]`. Each writer sends
// 100 tokens a second to 5 readers of a conversation of its own; the server has core 0, and stores everything. Then the same tokens
// come as one message each, which is what a server without streams makes of them. Last, each stream is asked to stop.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nearestRank } from "../../src/protocol/nearest-rank.ts";
import { parley, parleyRedis } from "../peers/parley.ts";

const READERS = 5;
const TICK_MS = 10;
/** Of `CLK_TCK` in proc(5), which Linux fixes for user space. */
const TICKS_PER_S = 100;
const WARM_UP_S = 2;
const WORDS = ["the ", "quick ", "brown ", "fox ", "jumps ", "over ", "a ", "lazy ", "dog, ", "again "];

const { values } = parseArgs({
  options: {
    redis: { type: "boolean", default: false },
    writers: { type: "string", default: "100" },
    seconds: { type: "string", default: "10" },
  },
});
const writerCount = Number(values.writers);
const seconds = Number(values.seconds);

/** What a run of one kind has shown. */
interface Run {
  readonly tokens: number;
  readonly textBytes: number;
  /** Shares of one core. */
  readonly core: number;
  readonly deviceBytes: number;
  readonly frames: number;
  /** From when a token was due to when a reader had it, in milliseconds. */
  readonly latencies: readonly number[];
}

interface Writer {
  readonly socket: WebSocket;
  stream: string;
  n: number;
}

type Frame = Readonly<Record<string, unknown>> & { readonly type: string };

const folder = mkdtempSync(join(tmpdir(), "parley-streams-"));
mkdirSync(join(folder, "server"));
try {
  await using server = await (values.redis ? parleyRedis : parley).start({
    ...{ folder: join(folder, "server"), members: READERS },
  });
  const address = (user: string, conversation: string) =>
    `ws://127.0.0.1:${server.port}${server.target(user, conversation)}&streams=1`;
  const received: { frames: number; latencies: number[]; isCounting: boolean } = {
    ...{ frames: 0, latencies: [], isCounting: false },
  };
  const writers: Writer[] = [];
  for (let i = 0; i < writerCount; i++) {
    const conversation = `room-${i}`;
    for (let reader = 0; reader < READERS; reader++) {
      const socket = await connect(address(`reader-${i}-${reader}`, conversation));
      socket.onmessage = ({ data }) => count(received, String(data));
    }
    writers.push({ socket: await connect(address(`writer-${i}`, conversation)), stream: "", n: 0 });
  }
  await Promise.all(writers.map(start));
  print("streams", await run(server.pid, received, (due) => appendAll(writers, due)));
  await Promise.all(writers.map(end));
  let sent = 0;
  const messages = (due: number) => {
    const text = tokenAt(due);
    for (const { socket } of writers)
      socket.send(JSON.stringify({ type: "message", id: `t${sent++}`, text: `${due.toFixed(1)} ${text}` }));
    return writers.length * Buffer.byteLength(text);
  };
  print("one message a token", await run(server.pid, received, messages));
  const stops = await stopAll(writers, address);
  console.log(
    `stop: from stream_cancel to the writer median ${share(stops, 0.5).toFixed(1)} ms, p99 ${share(stops, 0.99).toFixed(1)} ms (${stops.length} streams, idle)`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Connects; resolves after `welcome`. */
function connect(target: string): Promise<WebSocket> {
  const socket = new WebSocket(target);
  return new Promise((resolve, reject) => {
    socket.onmessage = () => resolve(socket);
    socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
  });
}

/** Resolves with the next frame of this type. */
function next(socket: WebSocket, type: string): Promise<Frame> {
  return new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type === type) resolve(frame);
      if (frame.type === "error") reject(new Error(String(data)));
    };
  });
}

async function start(writer: Writer): Promise<void> {
  const started = next(writer.socket, "stream_started");
  writer.socket.send(JSON.stringify({ type: "stream_start", id: crypto.randomUUID() }));
  writer.stream = (await started).stream as string;
  writer.n = 0;
  writer.socket.onmessage = ({ data }) => {
    if (String(data).startsWith('{"type":"error"')) throw new Error(String(data));
  };
}

async function end({ socket, stream }: Writer): Promise<void> {
  const ended = next(socket, "ack");
  socket.send(JSON.stringify({ type: "stream_end", stream }));
  await ended;
  socket.onmessage = null;
}

function tokenAt(due: number): string {
  return WORDS[Math.floor(due / TICK_MS) % WORDS.length]!;
}

/** Sends one token of each writer; returns the bytes of their text. */
function appendAll(writers: readonly Writer[], due: number): number {
  const text = `${due.toFixed(1)} ${tokenAt(due)}`;
  for (const writer of writers)
    writer.socket.send(JSON.stringify({ type: "stream_append", stream: writer.stream, n: ++writer.n, text }));
  return writers.length * Buffer.byteLength(text);
}

/** A text begins with the time when its first token was due. */
function count(received: { frames: number; latencies: number[]; isCounting: boolean }, data: string): void {
  if (!received.isCounting || !/^\{"type":"(stream_append|message)"/.test(data)) return;
  received.frames++;
  const { text } = JSON.parse(data) as { text: string };
  received.latencies.push(performance.now() - Number.parseFloat(text));
}

async function run(
  pid: number,
  received: { frames: number; latencies: number[]; isCounting: boolean },
  send: (due: number) => number,
): Promise<Run> {
  await tick(WARM_UP_S, send);
  const [core, device] = [processorSeconds(pid), writtenBytes(pid)];
  Object.assign(received, { frames: 0, latencies: [], isCounting: true });
  const startedAt = performance.now();
  const textBytes = await tick(seconds, send);
  const elapsed = (performance.now() - startedAt) / 1000;
  received.isCounting = false;
  return {
    tokens: (writerCount * Math.round((seconds * 1000) / TICK_MS)) / elapsed,
    textBytes,
    core: (processorSeconds(pid) - core) / elapsed,
    deviceBytes: writtenBytes(pid) - device,
    frames: received.frames / elapsed,
    latencies: [...received.latencies].sort((one, other) => one - other),
  };
}

/** Calls `send` each TICK_MS on a schedule, whatever has come back. Returns the sum of what it returned. */
async function tick(forSeconds: number, send: (due: number) => number): Promise<number> {
  let sum = 0;
  let due = performance.now();
  for (let i = 0; i < (forSeconds * 1000) / TICK_MS; i++) {
    due += TICK_MS;
    await Bun.sleep(Math.max(0, due - performance.now()));
    sum += send(due);
  }
  return sum;
}

/** Another device of each writer's user asks it to stop; returns how long each request took to the writer, in milliseconds. */
async function stopAll(
  writers: readonly Writer[],
  address: (user: string, conversation: string) => string,
): Promise<number[]> {
  const times: number[] = [];
  for (const [i, writer] of writers.entries()) {
    const asker = await connect(address(`writer-${i}`, `room-${i}`));
    await start(writer);
    const stopped = next(writer.socket, "stream_cancel");
    const askedAt = performance.now();
    asker.send(JSON.stringify({ type: "stream_cancel", stream: writer.stream }));
    await stopped;
    times.push(performance.now() - askedAt);
    await end(writer);
    asker.close();
  }
  return times.sort((one, other) => one - other);
}

function print(name: string, { tokens, textBytes, core, deviceBytes, frames, latencies }: Run): void {
  const perCore = tokens / core;
  const p99 = share(latencies, 0.99);
  console.log(
    `${name}: ${tokens.toFixed(0)} tokens/s to ${READERS} readers each, ${(core * 100).toFixed(0)} % of a core (${perCore.toFixed(0)} a core), ` +
      `${frames.toFixed(0)} frames/s to readers, p99 ${p99.toFixed(0)} ms from due to read, ` +
      `${(deviceBytes / textBytes).toFixed(1)} bytes written to the device for a byte of text`,
  );
}

function share(sorted: readonly number[], part: number): number {
  return nearestRank(sorted, part) ?? Number.NaN;
}

/** Processor time of a process with all its threads, in seconds. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

function writtenBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))![1]);
}
