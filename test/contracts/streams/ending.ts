import { expect, test } from "bun:test";
import { CANCEL_GRACE_MS, DEFAULT_STREAM_RULES } from "../../../src/core/streams/draft.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { type OpenEngine, Subject } from "../engine/subject.ts";
import { StreamSubject } from "./stream-subject.ts";

export function endingContract(open: OpenEngine): void {
  test("ST1 the end stores one message, announced before the event `ended`", async () => {
    await using subject = await Subject.open(open);
    const streams = new StreamSubject(subject);
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
    expect(order).toEqual(["draft", "message 1", "ended"]);
    expect((await subject.read()).messages).toMatchObject([
      { seq: 1, id: "a", from: "anna", text: "all", data: { k: 1 }, stream: { stream, state: "done" } },
    ]);
  });

  test("ST4 a stop reaches the writer, whose end is then `cancelled`", async () => {
    await using subject = await Subject.open(open);
    const streams = new StreamSubject(subject);
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
    // An answer that starts later is stopped, too.
    expect(await streams.start("b", { replyTo: 1 })).toMatchObject({ cancelledBy: "ben" });
  });

  test("ST4 a discarded stream ends at once, without text or data", async () => {
    await using subject = await Subject.open(open);
    const streams = new StreamSubject(subject);
    const writer = await streams.open("a", { data: '{"secret":1}' });
    const { stream } = writer;
    await streams.append(writer, { n: 1, text: "secret" });
    const asked = await streams.cancel({ stream }, "moderator", { moderates: true, discard: true });
    expect(asked).toEqual({ outcome: "asked", streams: 1 });
    expect(await streams.append(writer, { n: 2, text: "late" })).toMatchObject({ outcome: "fenced" });
    const [message] = (await subject.read()).messages;
    expect(message).toMatchObject({ seq: 1, text: "", stream: { stream, state: "cancelled" } });
    expect(message?.erased?.by).toBe("moderator");
    expect(message).not.toHaveProperty("data");
  });

  test("ST3 the streams of a user who may not write any more end at once", async () => {
    await using subject = await Subject.open(open);
    const streams = new StreamSubject(subject);
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
      await using subject = await Subject.open(open);
      const streams = new StreamSubject(subject);
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

  test("ST3 the lease of a connected writer is renewed, but a stream without appends ends", async () => {
    await using subject = await Subject.open(open);
    const streams = new StreamSubject(subject);
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
