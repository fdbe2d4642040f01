// What it costs to show five readers a text of 500 tokens, 100 a second, while it is written: as a stream, as plain messages, and as a
// message that grows on Sockudo, another server to be run by oneself. The server has core 0. What each does: decision 34.
// `taskset -c 1 bun bench/standalone/streams-beside-sockudo/main.ts [<part of a row's name>] [--sockudo <program>] [--postgres postgres://…]
// [--writers 25] [--answers 2]`. The program, or SOCKUDO in the environment, is built once, with protoc (Debian: protobuf-compiler libprotobuf-dev):
// `cargo install sockudo --version 5.2.0 --locked --no-default-features --features local,v2,ai-transport,postgres --root <folder>`
// Without it only Parley is measured. The database is an empty one of a server on this machine; each row leaves it empty.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parleyRow } from "./parley.ts";
import { openPostgres } from "./postgres.ts";
import { processorSeconds } from "./processor-seconds.ts";
import type { Frame, Row, Server, Writer } from "./row.ts";
import { sockudoRow } from "./sockudo.ts";

const READERS = 5;
const TICK_MS = 10;
const ARRIVAL_TIMEOUT_MS = 20_000;
/** Of five bytes, and the same in each run. No two are alike, or a store that compresses would look better than it is. */
const TOKENS = Array.from(
  { length: 500 },
  (_, i) => `${createHash("md5").update(String(i)).digest("base64url").slice(0, 4)} `,
);
const ANSWER = TOKENS.join("");

/** What readers have got; the text of one is `ended` and then `growing`. */
interface Received {
  frames: number;
  bytes: number;
  readonly texts: { ended: string; growing: string }[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sockudo: { type: "string", default: process.env.SOCKUDO ?? "" },
    postgres: { type: "string", default: "" },
    writers: { type: "string", default: "25" },
    answers: { type: "string", default: "2" },
  },
});
const writerCount = Number(values.writers);
const answers = Number(values.answers);

const rows: Row[] = [parleyRow("stream"), parleyRow("stream over HTTP"), parleyRow("plain messages")];
if (values.sockudo !== "") rows.push(sockudoRow(values.sockudo));
await using database = values.postgres === "" ? undefined : await openPostgres(values.postgres);
if (values.sockudo !== "" && database)
  rows.push(sockudoRow(values.sockudo, database), sockudoRow(values.sockudo, database, true));
for (const row of rows) if (positionals.every((part) => row.name.includes(part))) await measure(row);

/** Has each writer write an answer into an empty store, starts the server again, and measures after one answer more. */
async function measure(row: Row): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-beside-"));
  try {
    await run(row, folder, [1]);
    const before = await row.keptBytes?.(folder);
    const shown = await run(row, folder, [1, answers]);
    const bytes = before === undefined ? 0 : (await row.keptBytes!(folder)) - before;
    console.log(
      `${row.name}: ${shown}, ${(bytes / writerCount / (answers + 1)).toFixed(0)} bytes kept on disk`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await row.database?.empty();
  }
}

/** Has each writer write so many answers in each of the given parts; describes the last one. */
async function run(row: Row, folder: string, parts: readonly number[]): Promise<string> {
  await using server = await row.start(folder);
  const received: Received = { frames: 0, bytes: 0, texts: [] };
  const writers: Writer[] = [];
  for (let room = 0; room < writerCount; room++) {
    for (let reader = 0; reader < READERS; reader++) count(server, await server.read(room, reader), received);
    writers.push(await server.writer(room));
  }
  let shown = "";
  for (const part of parts) {
    Object.assign(received, { frames: 0, bytes: 0 });
    for (const text of received.texts) Object.assign(text, { ended: "", growing: "" });
    const spent = () => [processorSeconds(server.pid), row.database?.processorSeconds() ?? 0] as const;
    const [startedAt, before] = [performance.now(), spent()];
    await Promise.all(writers.map((writer, i) => write(writer, part, (i * TICK_MS) / writerCount)));
    await arrival(received, ANSWER.repeat(part));
    const after = spent();
    const elapsed = (performance.now() - startedAt) / 1000;
    const tokens = writerCount * part * TOKENS.length;
    const [own, store] = [after[0] - before[0], after[1] - before[1]];
    const share = (seconds: number) => `${((seconds / elapsed) * 100).toFixed(0)} %`;
    const each = (sum: number) => (sum / (writerCount * part * READERS)).toFixed(0);
    shown =
      `${(tokens / elapsed).toFixed(0)} tokens/s of ${(writerCount * 1000) / TICK_MS} to ${READERS} readers each, ` +
      `${share(own)} of a core${row.database ? ` and ${share(store)} for its store` : ""} (${(tokens / (own + store)).toFixed(0)} a core); ` +
      `an answer: ${each(received.frames)} frames and ${each(received.bytes)} bytes to a reader`;
  }
  return shown;
}

function count(server: Server, socket: WebSocket, received: Received): void {
  const text = { ended: "", growing: "" };
  received.texts.push(text);
  socket.onmessage = ({ data }) => {
    received.frames++;
    received.bytes += Buffer.byteLength(String(data));
    const piece = server.textOf(JSON.parse(String(data)) as Frame);
    if (piece === undefined) return;
    if ("adds" in piece) text.growing += piece.adds;
    else {
      if (!piece.ends.startsWith(text.growing)) throw new Error("a reader was shown another text");
      Object.assign(text, { ended: text.ended + piece.ends, growing: "" });
    }
  };
}

/** Writes answers on a schedule; a server that does not keep up makes it later. */
async function write(writer: Writer, answerCount: number, offset: number): Promise<void> {
  await Bun.sleep(offset);
  for (let answer = 0; answer < answerCount; answer++) {
    await writer.begin?.();
    let due = performance.now();
    for (const token of TOKENS) {
      due += TICK_MS;
      if (due > performance.now()) await Bun.sleep(due - performance.now());
      await writer.append(token);
    }
    await writer.end?.();
  }
}

/** Resolves when every reader has exactly this text. */
async function arrival({ texts }: Received, text: string): Promise<void> {
  const others = () => texts.filter(({ ended, growing }) => ended + growing !== text);
  for (const deadline = Date.now() + ARRIVAL_TIMEOUT_MS; others().length > 0; await Bun.sleep(5))
    if (Date.now() > deadline)
      throw new Error(`${others().length} of ${texts.length} readers have another text`);
}
