import { expect, test } from "bun:test";
import { INNER } from "../../../src/client/conversation/types.ts";
import { startStream } from "../../../src/client/stream/stream.ts";
import { ParleyError } from "../../../src/client/types/error.ts";

/** The inner side of a conversation, whose frames the test answers. Timers end when the test says so. */
function lineOf() {
  const sent: Record<string, unknown>[] = [];
  const starts: { resolve(answer: unknown): void; reject(error: unknown): void }[] = [];
  const writers = new Map<unknown, (frame: { readonly type: string }) => boolean>();
  let tasks: (() => void)[] = [];
  let cut = () => {};
  const inner = {
    listen(_: string, listener: () => void) {
      cut = listener;
      return () => {};
    },
    start(frame: Record<string, unknown>) {
      sent.push(frame);
      return new Promise((resolve, reject) => starts.push({ resolve, reject }));
    },
    send: (frame: Record<string, unknown>) => void sent.push(frame),
    writers,
    after(_: number, task: () => void) {
      tasks.push(task);
      return () => {
        tasks = tasks.filter((one) => one !== task);
      };
    },
  };
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  return {
    conversation: { [INNER]: inner } as never,
    sent,
    writers,
    settled,
    frame: (type: string, fields: object = {}) => writers.get("s")!({ type, ...fields }),
    async started(n = 0) {
      starts.shift()!.resolve({ id: "a", stream: "s", n });
      await settled();
    },
    start: () => starts.shift()!,
    async cut() {
      cut();
      await settled();
    },
    turn() {
      const due = tasks;
      tasks = [];
      for (const task of due) task();
    },
  };
}
const ack = { id: "a", seq: 7, at: 1, quota: null };

test("a stream is started, appended to at once and then in merged appends, and ended with its ack", async () => {
  const line = lineOf();
  const stream = startStream(line.conversation, { id: "a", reply_to: 3, restart: true });
  await line.started();
  await stream.write("one ");
  await stream.write("two ");
  await stream.write("three", { kind: "x" });
  line.turn();
  const end = stream.end({ state: "failed" });
  line.turn();
  expect(line.sent).toEqual([
    { type: "stream_start", id: "a", reply_to: 3, restart: true },
    { type: "stream_append", stream: "s", n: 1, text: "one " },
    { type: "stream_append", stream: "s", n: 2, text: "two three", data: { kind: "x" } },
    { type: "stream_end", stream: "s", state: "failed" },
  ]);
  line.frame("ack", ack);
  expect(await end).toEqual(ack as never);
  expect(stream.signal.aborted).toBe(false);
  expect(line.writers.size).toBe(0);
  expect(stream.write("more")).rejects.toMatchObject({ code: "invalid" });
});

test("after a cut the stream is started again under its id, without `restart`", async () => {
  const line = lineOf();
  const stream = startStream(line.conversation, { id: "a", restart: true });
  await line.started();
  await stream.write("one");
  await line.cut();
  await stream.write(" two");
  await line.started(0);
  line.turn();
  expect(line.sent.slice(2)).toEqual([
    { type: "stream_start", id: "a" },
    { type: "stream_append", stream: "s", n: 1, text: "one two" },
  ]);
});

test("a request to stop aborts the signal; `pipe` stops reading, and ends the stream", async () => {
  const line = lineOf();
  const stream = startStream(line.conversation, { id: "a" });
  await line.started();
  let isClosed = false;
  async function* source() {
    try {
      yield "one";
      await new Promise((resolve) => stream.signal.addEventListener("abort", resolve));
      yield "two";
    } finally {
      isClosed = true;
    }
  }
  const piped = stream.pipe(source());
  await line.settled();
  line.frame("stream_cancel", { by: "bob" });
  await line.settled();
  line.turn();
  expect(stream.signal.reason).toMatchObject({ code: "cancelled" });
  expect(isClosed).toBe(true);
  expect(line.sent.slice(1)).toEqual([
    { type: "stream_append", stream: "s", n: 1, text: "one" },
    { type: "stream_end", stream: "s" },
  ]);
  line.frame("ack", ack);
  expect(await piped).toEqual(ack as never);
});

test("a source that fails ends the stream as failed; a ReadableStream is a source, too", async () => {
  const line = lineOf();
  const stream = startStream(line.conversation, { id: "a" });
  await line.started();
  const source = new ReadableStream<string>({
    start(controller) {
      controller.enqueue("one");
    },
    pull() {
      throw new Error("no model");
    },
  });
  const piped = stream.pipe(source).catch((error) => error.message);
  await line.settled();
  line.turn();
  expect(line.sent.at(-1)).toEqual({ type: "stream_end", stream: "s", state: "failed" });
  line.frame("ack", ack);
  expect(await piped).toBe("no model");
});

test("a fenced writer, and a refused start, abort the signal and reject", async () => {
  const line = lineOf();
  const fenced = startStream(line.conversation, { id: "a" });
  await line.started();
  line.frame("error", { code: "fenced", message: "Taken over.", stream: "s" });
  expect(fenced.signal.reason).toMatchObject({ code: "fenced" });
  expect(fenced.write("more")).rejects.toMatchObject({ code: "fenced" });
  expect(fenced.end()).rejects.toMatchObject({ code: "fenced" });
  const muted = startStream(line.conversation, { id: "b" });
  line.start().reject(new ParleyError("muted", "You are muted."));
  await line.settled();
  expect(muted.signal.reason).toMatchObject({ code: "muted" });
  expect(muted.end()).rejects.toMatchObject({ code: "muted" });
});

test("a stream whose message is stored already has its ack, and stops its source", async () => {
  const line = lineOf();
  const stream = startStream(line.conversation, { id: "a" });
  line.start().resolve({ ...ack, duplicate: true });
  await line.settled();
  expect(stream.signal.aborted).toBe(true);
  expect(await stream.end()).toEqual({ ...ack, duplicate: true } as never);
});

test("ST3 a stream that the server has ended while the line was down rejects as fenced where it was interrupted", async () => {
  for (const [state, outcome] of [
    ["interrupted", { code: "fenced" }],
    ["done", { seq: ack.seq }],
    ["cancelled", { seq: ack.seq }],
  ] as const) {
    const line = lineOf();
    const asked: number[] = [];
    const message = async (seq: number) => {
      asked.push(seq);
      return { stream: { stream: "s", state } };
    };
    const stream = startStream(Object.assign(line.conversation, { message }), { id: "a" });
    await line.started();
    await stream.write("lost");
    const end = stream.end().catch((error) => error);
    await line.cut();
    line.start().resolve({ ...ack, duplicate: true });
    expect(await end).toMatchObject(outcome);
    expect(asked).toEqual([ack.seq]);
    expect(stream.signal.reason?.code).toBe(state === "interrupted" ? "fenced" : undefined);
  }
});

test("`write` waits while much is not stored", async () => {
  const line = lineOf();
  const stream = startStream(line.conversation, { id: "a" });
  let isDone = false;
  const written = stream.write("x".repeat(65_536)).then(() => {
    isDone = true;
  });
  await line.started();
  expect(isDone).toBe(false);
  line.frame("stream_stored", { n: 1 });
  await written;
});
