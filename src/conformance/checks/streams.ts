import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { Check } from "../check.ts";
import type { TestContext, TestUser } from "../context.ts";
import type { TestSocket } from "../test-socket.ts";
import { assert, assertEqual } from "../verdicts.ts";

/** Rules ST1–ST6: messages that are written while others read them, on both kinds of socket. */
export const STREAM_CHECKS: readonly Check[] = [
  {
    rule: "ST1",
    what: "early and late readers, `history` and a client without `streams=1` end with one message of the same text",
    run: endsAlike,
  },
  {
    rule: "ST2",
    what: "the same id takes a stream over; the first writer is fenced, a gap is a conflict, a repeat is ignored",
    run: takesOver,
  },
  {
    rule: "ST3",
    what: "a writer that comes back goes on after what was stored, and the stream is still open",
    run: comesBack,
  },
  {
    rule: "ST4",
    what: "the user whose message is answered stops the answer; a stranger may not, nor discard it",
    run: stops,
  },
  { rule: "ST4", what: "its writer may discard a stream, which becomes an erased message", run: discards },
  { rule: "ST5", what: "readers get at most 25 frames a second of a stream", run: collects },
  {
    rule: "ST6",
    what: "one append more than `limits.stream_bytes` is `too_large`, and the draft stays",
    run: limitsBytes,
  },
  {
    rule: "ST6",
    what: "one stream more than `limits.streams` is `too_many_streams`; a takeover costs nothing",
    run: limitsStreams,
  },
];

/** Bytes of text in one append; the most that is allowed is 16 KiB. */
const APPEND_BYTES = 16_000;

/** More than a check writes to a server with a high MAX_STREAM_BYTES. */
const MOST_APPENDS = 20;

/** A socket of either kind with one conversation open on it, and its frames of streams. */
class Line {
  private constructor(
    readonly socket: TestSocket,
    private readonly named: { readonly conversation?: string },
  ) {}

  /** A socket of one conversation. */
  static async ofOne(
    context: TestContext,
    user: TestUser,
    conversation: string,
    query: Readonly<Record<string, string | number>> = { streams: 1 },
  ): Promise<Line> {
    return new Line((await context.join(user, conversation, query)).socket, {});
  }

  /** The socket of a user. */
  static async ofUser(context: TestContext, user: TestUser, conversation: string): Promise<Line> {
    const socket = context.open(`/ws/${user.user}?token=${user.token}`);
    await socket.next("welcome");
    socket.send({ type: "open", conversations: [{ conversation }] });
    await socket.next("opened");
    return new Line(socket, { conversation });
  }

  send(frame: object): void {
    this.socket.send({ ...frame, ...this.named });
  }

  /** Starts a stream; returns the answer. */
  start(id: string, more: object = {}): Promise<ServerFrameOf<"stream_started">> {
    this.send({ type: "stream_start", id, ...more });
    return this.socket.next("stream_started", (frame) => frame.id === id);
  }

  append(stream: string, n: number, text: string): void {
    this.send({ type: "stream_append", stream, n, text });
  }

  /** Waits until all up to `n` is stored. */
  stored(stream: string, n: number): Promise<ServerFrameOf<"stream_stored">> {
    return this.socket.next("stream_stored", (frame) => frame.stream === stream && frame.n >= n);
  }

  /** The text of a stream as a reader puts it together; undefined if an append does not follow what was there. */
  textOf(stream: string): string | undefined {
    let held = { n: -1, text: "" };
    for (const frame of this.socket.frames) {
      if (frame.type === "stream" && frame.stream === stream) held = { n: frame.n, text: frame.text };
      if (frame.type !== "stream_append" || frame.stream !== stream) continue;
      if (frame.after !== held.n) return undefined;
      held = { n: frame.n, text: held.text + frame.text };
    }
    return held.text;
  }

  message(id: string): Promise<ServerFrameOf<"message">> {
    return this.socket.next("message", (frame) => frame.id === id);
  }

  error(stream: string): Promise<ServerFrameOf<"error">> {
    return this.socket.next("error", (frame) => frame.stream === stream);
  }
}

async function endsAlike(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const writer = await Line.ofOne(context, context.bob, conversation);
  const early = [
    await Line.ofOne(context, context.ann, conversation),
    await Line.ofUser(context, context.ann, conversation),
  ];
  const plain = await Line.ofOne(context, context.ann, conversation, {});
  const { stream, n } = await writer.start("s1");
  assertEqual("`n` of a new stream", n, 0);
  writer.append(stream, 1, "Grüße");
  await writer.stored(stream, 1);
  const late = [
    await Line.ofOne(context, context.ann, conversation),
    await Line.ofUser(context, context.ann, conversation),
  ];
  writer.append(stream, 2, ", world \u{1F642}");
  const text = "Grüße, world \u{1F642}";
  for (const reader of [...early, ...late])
    await reader.socket.until(() => reader.textOf(stream) === text, `text of the stream, \`${text}\``);
  writer.send({ type: "stream_end", stream });
  for (const line of [...early, ...late, plain]) {
    const message = await line.message("s1");
    assertEqual(
      "text, seq and stream of the message",
      [message.text, message.seq, message.stream],
      [text, 1, { stream, state: "done" }],
    );
    await line.socket.flushed();
    assertEqual("messages", line.socket.of("message").length, 1);
  }
  assertEqual(
    "frames of streams without `streams=1`",
    plain.socket.frames.filter(({ type }) => type.startsWith("stream")).length,
    0,
  );
  plain.send({ type: "history", id: "h1" });
  const { messages } = await plain.socket.next("history");
  assertEqual(
    "the history",
    messages.map((message) => [message.seq, message.text]),
    [[1, text]],
  );
}

async function takesOver(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const first = await Line.ofOne(context, context.bob, conversation);
  const second = await Line.ofUser(context, context.bob, conversation);
  const { stream } = await first.start("s1");
  first.append(stream, 1, "one");
  await first.stored(stream, 1);
  const taken = await second.start("s1");
  assertEqual("stream and n of the takeover", [taken.stream, taken.n], [stream, 1]);
  assertEqual("the error of the first writer", (await first.error(stream)).code, "fenced");
  first.append(stream, 2, "late");
  assertEqual("the answer to its append", (await first.error(stream)).code, "fenced");
  second.append(stream, 1, "one");
  await second.stored(stream, 1);
  second.append(stream, 4, "gap");
  const gap = await second.error(stream);
  assertEqual("the answer to a gap", [gap.code, gap.n], ["conflict", 1]);
  second.append(stream, 2, " two");
  second.send({ type: "stream_end", stream });
  assertEqual("the text", (await second.message("s1")).text, "one two");
  second.send({ type: "stream_start", id: "s1" });
  const ack = await second.socket.next("ack", ({ duplicate }) => duplicate === true);
  assertEqual("the seq of a start of what is stored", ack.seq, 1);
}

async function comesBack(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const reader = await Line.ofOne(context, context.ann, conversation);
  const before = await Line.ofOne(context, context.bob, conversation);
  const { stream } = await before.start("s1");
  before.append(stream, 1, "one");
  await before.stored(stream, 1);
  await before.socket.disconnect();
  const after = await Line.ofUser(context, context.bob, conversation);
  const taken = await after.start("s1");
  assertEqual("stream and n of the takeover", [taken.stream, taken.n], [stream, 1]);
  after.append(stream, 2, " two");
  after.send({ type: "stream_end", stream });
  const message = await reader.message("s1");
  assertEqual("text and state", [message.text, message.stream?.state], ["one two", "done"]);
  await reader.socket.flushed();
  assertEqual("messages", reader.socket.of("message").length, 1);
}

async function stops(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const asking = await Line.ofUser(context, context.ann, conversation);
  const writer = await Line.ofOne(context, context.bob, conversation);
  const question = await context.sendMessage(asking.socket, "why?", { conversation });
  const { stream } = await writer.start("s1", { reply_to: question.seq });
  asking.send({ type: "stream_cancel", stream, discard: true });
  assertEqual("the answer to a discard by the asker", (await asking.error(stream)).code, "forbidden");
  asking.send({ type: "stream_cancel", reply_to: question.seq });
  assertEqual("who asks", (await writer.socket.next("stream_cancel")).by, context.ann.user);
  writer.send({ type: "stream_end", stream });
  const message = await asking.message("s1");
  assertEqual(
    "reply_to and state of the message",
    [message.reply_to, message.stream?.state],
    [question.seq, "cancelled"],
  );
  const other = await writer.start("s2");
  asking.send({ type: "stream_cancel", stream: other.stream });
  assertEqual("the answer to a stranger", (await asking.error(other.stream)).code, "forbidden");
  writer.append(other.stream, 1, "goes on");
  writer.send({ type: "stream_end", stream: other.stream });
  assertEqual("the state of the other stream", (await asking.message("s2")).stream?.state, "done");
}

async function discards(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const reader = await Line.ofUser(context, context.ann, conversation);
  const writer = await Line.ofUser(context, context.bob, conversation);
  const { stream } = await writer.start("s1", { data: { draft: true } });
  writer.append(stream, 1, "not this");
  await writer.stored(stream, 1);
  writer.send({ type: "stream_cancel", stream, discard: true });
  const { text, data, erased, stream: ended } = await reader.message("s1");
  assertEqual(
    "text, data, erased.by and state of the message",
    [text, data, erased?.by, ended?.state],
    ["", undefined, context.bob.user, "cancelled"],
  );
  assertEqual("the error of the writer", (await writer.error(stream)).code, "fenced");
}

async function collects(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const reader = await Line.ofUser(context, context.ann, conversation);
  const writer = await Line.ofOne(context, context.bob, conversation);
  const { stream } = await writer.start("s1");
  const began = Date.now();
  const count = 80;
  for (let n = 1; n <= count; n++) {
    writer.append(stream, n, "word ");
    if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await reader.socket.until(() => reader.textOf(stream) === "word ".repeat(count), "whole text");
  const seconds = (Date.now() - began) / 1_000;
  const frames = reader.socket.of("stream_append").length;
  // A frame may be sent at both ends of the time.
  assert(frames <= 25 * seconds + 2, `${frames} frames came within ${seconds} s.`);
  writer.send({ type: "stream_end", stream });
  await reader.message("s1");
}

async function limitsBytes(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket, welcome } = await context.join(context.ann, conversation);
  // Without `streams=1` the long text does not come back to the check.
  const writer = await Line.ofOne(context, context.bob, conversation, {});
  const whole = Math.floor(welcome.limits.stream_bytes / APPEND_BYTES);
  const { stream } = await writer.start("s1");
  if (whole < MOST_APPENDS) {
    for (let n = 1; n <= whole; n++) writer.append(stream, n, "x".repeat(APPEND_BYTES));
    await writer.stored(stream, whole);
    writer.append(stream, whole + 1, "x".repeat(APPEND_BYTES));
    assertEqual("the answer to what is too much", (await writer.error(stream)).code, "too_large");
    const draft = await writer.start("s1");
    assertEqual("`n` of the draft", draft.n, whole);
  }
  writer.send({ type: "stream_cancel", stream, discard: true });
  await socket.next("message", ({ id }) => id === "s1");
}

async function limitsStreams(context: TestContext): Promise<void> {
  // Each start costs a request, so this user is one that no other check has.
  const user = context.newUser();
  const conversation = context.conversation();
  const writer = await Line.ofUser(context, user, conversation);
  const most = writer.socket.of("welcome")[0]!.limits.streams;
  const started = [];
  for (let i = 1; i <= most; i++) started.push(await writer.start(`s${i}`));
  writer.send({ type: "stream_start", id: "one-more" });
  const refused = await writer.socket.next("error");
  assertEqual("the answer to one more", refused.code, "too_many_streams");
  const taken = await writer.start("s1");
  assertEqual("requests left after a takeover", taken.quota?.remaining, started.at(-1)?.quota?.remaining);
  for (const { stream } of started) writer.send({ type: "stream_end", stream });
  await writer.socket.until(() => writer.socket.of("ack").length === most, "last ack");
}
