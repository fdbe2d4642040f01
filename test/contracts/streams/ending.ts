import { expect, test } from "bun:test";
import { CANCEL_GRACE_MS, DEFAULT_STREAM_RULES } from "../../../src/core/streams/draft.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { type OpenStreams, StreamSubject } from "./stream-subject.ts";

export function endingContract(open: OpenStreams): void {
  test("ST1 the end stores one message, announced before the event `ended`", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    const order: string[] = [];
    await subject.engine.subscribe("room", (_, { seq }) => order.push(`message ${seq}`));
    subject.engine.streams.watch((event) => order.push(event.type));
    const writer = await streams.open("a");
    const { stream } = writer;
    const appends = [{ n: 1, text: "all" }];
    const [ended, late] = await Promise.all([
      streams.end(writer, { appends, data: '{"k":1}' }),
      streams.end(writer, { appends }),
    ]);
    expect(ended).toMatchObject({ outcome: "stored", seq: 1 });
    expect(late).toMatchObject({ outcome: "fenced" });
    expect(await streams.append(writer, { n: 2, text: "late" })).toMatchObject({ outcome: "fenced" });
    expect(order).toEqual(["draft", "message 1", "ended"]);
    expect((await subject.read()).messages).toMatchObject([
      { seq: 1, id: "a", from: "anna", text: "all", data: { k: 1 }, stream: { stream, state: "done" } },
    ]);
  });

  test("ST4 a stop reaches the writer, whose end is then `cancelled`", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    await subject.store("question", { user: "ben" });
    const events = streams.watch();
    const writer = await streams.open("a", { replyTo: 1 });
    const { stream } = writer;
    expect(await streams.cancel({ stream }, "carl")).toEqual({ outcome: "forbidden" });
    expect(await streams.cancel({ stream: "none-of-this" }, "ben")).toEqual({ outcome: "not_found" });
    expect(await streams.cancel({ replyTo: 1 }, "ben")).toEqual({ outcome: "asked", streams: 1 });
    expect(events.at(-1)).toEqual({ type: "cancel", conversation: "room", stream, by: "ben" });
    expect(await streams.append(writer, { n: 1, text: "x" })).toMatchObject({ cancelledBy: "ben" });
    expect(await streams.end(writer)).toMatchObject({ outcome: "stored", seq: 2 });
    expect((await subject.read()).messages[1]).toMatchObject({ stream: { stream, state: "cancelled" } });
    // An answer that starts later is stopped, too, for as long as a lease.
    expect(await streams.start("b", { replyTo: 1 })).toMatchObject({ cancelledBy: "ben" });
    subject.clock.advance(DEFAULT_STREAM_RULES.lease);
    expect(await streams.start("c", { replyTo: 1 })).not.toHaveProperty("cancelledBy");
  });

  test("ST4 a request to stop survives that the store is opened again", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    await subject.store("question", { user: "ben" });
    const writer = await streams.open("a", { replyTo: 1 });
    const silent = await streams.open("b", { replyTo: 1, user: "carl" });
    await streams.append(silent, { n: 1, text: "so far" });
    await streams.cancel({ replyTo: 1 }, "ben");
    await subject.reopen();
    expect(await streams.append(writer, { n: 1, text: "x" })).toMatchObject({ cancelledBy: "ben" });
    expect(await streams.start("c", { replyTo: 1 })).toMatchObject({ cancelledBy: "ben" });
    await streams.end(writer);
    // The store ends the one whose writer does nothing, at the time that it had before.
    subject.clock.advance(CANCEL_GRACE_MS + 1_000);
    await waitUntil("all are messages", async () => (await subject.read()).messages.length === 4);
    const answers = (await subject.read()).messages.slice(1);
    expect(answers.map(({ stream }) => stream?.state)).toEqual(["cancelled", "cancelled", "cancelled"]);
    expect(answers.map(({ text }) => text).sort()).toEqual(["", "so far", "x"]);
  });

  test("ST1 the streams of a conversation that is removed end without a message", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    await subject.store("m", { user: "ben" });
    const writer = await streams.open("a", { replyTo: 1 });
    await streams.append(writer, { n: 1, text: "of the old one" });
    await streams.cancel({ replyTo: 1 }, "ben");
    const other = await streams.open("a", { conversation: "other" });
    await streams.removeConversation("room");
    await waitUntil("the stream is gone", async () => (await streams.drafts()).length === 0);
    expect(await streams.append(writer, { n: 2, text: "late" })).toEqual({ outcome: "fenced" });
    expect(await streams.end(writer)).toEqual({ outcome: "fenced" });
    // The name can be used again, and what was asked of the answers to its messages is over.
    await subject.store("m", { user: "ben" });
    const again = await streams.start("a", { replyTo: 1 });
    expect(again).toMatchObject({ outcome: "started", n: 0 });
    expect(again).not.toHaveProperty("cancelledBy");
    expect((await subject.read()).messages.map(({ id }) => id)).toEqual(["m"]);
    expect(await streams.end(other)).toMatchObject({ outcome: "stored", seq: 1 });
  });

  test("ST4 a discarded stream ends at once, without text or data", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    const writer = await streams.open("a", { data: '{"secret":1}' });
    const { stream } = writer;
    await streams.append(writer, { n: 1, text: "secret" });
    const asked = await streams.cancel({ stream }, "moderator", { moderates: true, discard: true });
    expect(asked).toEqual({ outcome: "asked", streams: 1 });
    // A writer that was away learns which message its stream has become.
    expect(await streams.append(writer, { n: 2, text: "late" })).toEqual({ outcome: "fenced", seq: 1 });
    expect(await streams.end(writer)).toEqual({ outcome: "fenced", seq: 1 });
    const [message] = (await subject.read()).messages;
    expect(message).toMatchObject({ seq: 1, text: "", stream: { stream, state: "cancelled" } });
    expect(message?.erased?.by).toBe("moderator");
    expect(message).not.toHaveProperty("data");
  });

  test("ST3 the streams of a user who may not write any more end at once", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    const writer = await streams.open("a");
    await streams.append(writer, { n: 1, text: "so far" });
    await streams.open("b", { conversation: "other" });
    await subject.engine.streams.refuse("anna", "room");
    expect((await subject.read()).messages).toMatchObject([
      { text: "so far", stream: { state: "interrupted" } },
    ]);
    expect(await streams.drafts("other")).toHaveLength(1);
    await subject.engine.streams.refuse("anna", undefined);
    expect(await streams.drafts("other")).toEqual([]);
  });

  const ends = [
    ["its lease is over", "interrupted", DEFAULT_STREAM_RULES.lease],
    ["its writer does not stop in time", "cancelled", CANCEL_GRACE_MS],
  ] as const;
  for (const [what, state, after] of ends) {
    test(`ST3 a stream ends as \`${state}\` when ${what}`, async () => {
      await using streams = await StreamSubject.begin(open);
      const { subject } = streams;
      const writer = await streams.open("a");
      await streams.append(writer, { n: 1, text: "so far" });
      if (state === "cancelled") await streams.cancel({ stream: writer.stream }, "anna");
      subject.clock.advance(after - 1_000);
      expect(await streams.drafts()).toHaveLength(1);
      subject.clock.advance(2_000);
      await waitUntil("the stream is a message", async () => (await subject.read()).messages.length === 1);
      expect((await subject.read()).messages).toMatchObject([{ text: "so far", stream: { state } }]);
      expect(await streams.end(writer)).toMatchObject({ outcome: "fenced" });
    });
  }

  test("ST3 a stream that is written for longer than streams may last ends", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    const writer = await streams.open("a");
    const { max } = DEFAULT_STREAM_RULES;
    const step = 25_000;
    let n = 0;
    for (let passed = step; passed < max; passed += step) {
      subject.clock.jump(step);
      n++;
      expect(await streams.append(writer, { n, text: "x" })).toEqual({ outcome: "stored", n });
    }
    subject.clock.advance(step + 1_000);
    await waitUntil("the stream is a message", async () => (await subject.read()).messages.length === 1);
    expect((await subject.read()).messages).toMatchObject([
      { text: "x".repeat(n), stream: { state: "interrupted" } },
    ]);
  });

  test("ST3 the lease of a connected writer is renewed, but a stream without appends ends", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    const writer = await streams.open("a");
    const { lease, idle } = DEFAULT_STREAM_RULES;
    for (let passed = 0; passed + lease / 2 < idle; passed += lease / 2) {
      subject.clock.advance(lease / 2);
      await subject.engine.streams.renew([writer]);
    }
    expect(await streams.drafts()).toHaveLength(1);
    subject.clock.advance(lease / 2 + 1_000);
    await waitUntil("the stream is a message", async () => (await subject.read()).messages.length === 1);
  });
}
