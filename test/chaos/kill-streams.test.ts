// A server that is killed while streams are written, with its store on the disk.
import { expect, test } from "bun:test";
import type { ServerFrameOf } from "../../src/protocol/server-frames.ts";
import { ParleyFolder, type Running } from "../cli/parley-folder.ts";
import { serverEnvironment, tokenOf } from "../delivery/topology/topology.ts";
import { TestClient } from "../support/clients/test-client.ts";
import { waitUntil } from "../support/time/wait-until.ts";

/** The text of the append `n`; no two are alike. */
const textOf = (n: number) => `${n}:é\u{1F642}\n`;
const textUpTo = (n: number) => Array.from({ length: n }, (_, i) => textOf(i + 1)).join("");

async function connect({ url }: Running, user: string): Promise<TestClient> {
  const token = await tokenOf(user);
  return TestClient.connect(`${url.replace("http", "ws")}/ws/${user}/lobby?token=${token}&streams=1`);
}

async function kill({ process }: Running): Promise<void> {
  process.kill("SIGKILL");
  await process.exited;
  expect(process.signalCode).toBe("SIGKILL");
}

/** One that streams until its server dies. */
class Writer {
  stored = 0;
  private sent = 0;
  private constructor(
    readonly client: TestClient,
    readonly stream: string,
    n: number,
  ) {
    this.sent = n;
    client.socket.addEventListener("message", () => {
      this.stored = Math.max(n, ...client.of("stream_stored").map((frame) => frame.n));
    });
  }

  /** Starts the stream, or takes it over. */
  static async begin(server: Running, user: string): Promise<Writer> {
    const client = await connect(server, user);
    client.send({ type: "stream_start", id: "answer" });
    const { stream, n } = await client.next("stream_started");
    return new Writer(client, stream, n);
  }

  append(count: number): void {
    for (let i = 0; i < count; i++) {
      this.sent++;
      this.client.send({ type: "stream_append", stream: this.stream, n: this.sent, text: textOf(this.sent) });
    }
  }

  get n(): number {
    return this.sent;
  }
}

/** What a reader of all streams has put together: by stream the newest append and the text. */
function readStreams(reader: TestClient): Map<string, { n: number; text: string }> {
  const streams = new Map<string, { n: number; text: string }>();
  for (const frame of reader.frames) {
    if (frame.type === "stream") streams.set(frame.stream, { n: frame.n, text: frame.text });
    if (frame.type !== "stream_append") continue;
    const held = streams.get(frame.stream)!;
    expect(frame.after).toBe(held.n);
    streams.set(frame.stream, { n: frame.n, text: held.text + frame.text });
  }
  return streams;
}

function messageOf(client: TestClient, user: string): ServerFrameOf<"message"> | undefined {
  return client.of("message").find(({ from }) => from === user);
}

test("ST1 ST2 ST3 ST4 kill -9 while streams are written: what was stored is in one message, which a writer can go on with", async () => {
  await using folder = new ParleyFolder();
  const environment = (lease: number) => ({ ...serverEnvironment({}), STREAM_LEASE: String(lease) });
  // Long, so that the writer that comes back is in time on a busy machine, too.
  const first = await folder.serve([], environment(600));
  const back = await Writer.begin(first, "back");
  const gone = await Writer.begin(first, "gone");
  const asked = await Writer.begin(first, "asked");
  const ending = await Writer.begin(first, "ending");
  const writers = [back, gone, asked, ending];
  const flow = setInterval(() => writers.forEach((writer) => void writer.append(1)), 10);
  await waitUntil("all have stored some", () => writers.every(({ stored }) => stored > 10));
  asked.client.send({ type: "stream_cancel", stream: asked.stream });
  await asked.client.next("stream_cancel");
  clearInterval(flow);
  for (const writer of writers) writer.append(3);
  // Whether the end comes first is for the server to say.
  ending.client.send({ type: "stream_end", stream: ending.stream });
  await kill(first);

  const second = await folder.serve([], environment(600));
  const reader = await connect(second, "reader");
  const again = await Writer.begin(second, "back");
  expect(again.stream).toBe(back.stream);
  expect(again.n).toBeGreaterThanOrEqual(back.stored);
  await waitUntil("the reader has both streams", () =>
    [back, gone].every(({ stream }) => readStreams(reader).has(stream)),
  );
  const shown = readStreams(reader);
  for (const { stream, stored } of [back, gone]) {
    const { n, text } = shown.get(stream)!;
    expect(n).toBeGreaterThanOrEqual(stored);
    expect(text).toBe(textUpTo(n));
  }
  again.append(30);
  again.client.send({ type: "stream_end", stream: again.stream });
  const message = await again.client.next("message");
  expect(message).toMatchObject({ from: "back", stream: { stream: back.stream, state: "done" } });
  expect(message.text).toBe(textUpTo(again.n));
  await waitUntil("the reader has the message", () => messageOf(reader, "back") !== undefined);
  expect(messageOf(reader, "back")).toEqual(message);
  // The server goes on with what it was asked before it died.
  await waitUntil(
    "the one that was asked to stop is a message",
    () => messageOf(reader, "asked") !== undefined,
  );
  const late = await Writer.begin(second, "late");
  late.append(20);
  await waitUntil("some of it is stored", () => late.stored > 0);
  await kill(second);

  const third = await folder.serve([], environment(1));
  const final = await connect(third, "reader");
  const users = ["asked", "back", "ending", "gone", "late"];
  const history = async () => {
    final.send({ type: "history" });
    return (await final.next("history")).messages;
  };
  await waitUntil("all are messages", async () => (await history()).length >= users.length);
  const messages = await history();
  expect(messages.map(({ from }) => from).sort()).toEqual(users);
  const stored = { asked, ending, gone, late, back: again };
  for (const { from, text, stream } of messages) {
    const n = text.split("\n").length - 1;
    expect(text).toBe(textUpTo(n));
    expect(n).toBeGreaterThanOrEqual(stored[from as keyof typeof stored].stored);
    const state = { asked: "cancelled", back: "done", ending: stream?.state, gone: "interrupted" }[from];
    expect([from, stream?.state]).toEqual([from, state ?? "interrupted"]);
  }
  const { type: _, ...content } = message;
  expect(messages.find(({ from }) => from === "back")).toEqual(content);
  // A writer that comes back too late is answered with the message.
  const tooLate = await connect(third, "gone");
  tooLate.send({ type: "stream_start", id: "answer" });
  expect(await tooLate.next("ack")).toMatchObject({
    duplicate: true,
    seq: messages.find(({ from }) => from === "gone")!.seq,
  });
  for (const client of [final, tooLate, reader]) client.socket.close();
});
