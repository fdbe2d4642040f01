import { expect, test } from "bun:test";
import { DEFAULT_STREAM_RULES } from "../../../src/core/streams/draft.ts";
import { type OpenStreams, StreamSubject } from "./stream-subject.ts";

export function writingContract(open: OpenStreams): void {
  test("ST2 the same id takes the draft over, and the writer before is fenced", async () => {
    await using streams = await StreamSubject.begin(open);
    const first = await streams.open("a");
    expect(await streams.append(first, { n: 1, text: "one" }, { n: 2, text: " two" })).toEqual({
      outcome: "stored",
      n: 2,
    });
    const second = await streams.start("a");
    expect(second).toMatchObject({ outcome: "taken_over", stream: first.stream, generation: 2, n: 2 });
    expect(await streams.append(first, { n: 3, text: "late" })).toMatchObject({ outcome: "fenced" });
    expect(await streams.end(first)).toMatchObject({ outcome: "fenced" });
    expect(await streams.drafts()).toMatchObject([{ id: "a", from: "anna", n: 2, text: "one two" }]);
  });

  test("ST2 a restart drops the text, and begins again with `n` 1", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    await streams.append(await streams.open("a"), { n: 1, text: "old" });
    const again = await streams.start("a", { restart: true });
    expect(again).toMatchObject({ outcome: "taken_over", n: 0 });
    const writer = { conversation: "room", stream: "", generation: 0, ...again };
    expect(await streams.append(writer, { n: 1, text: "new" })).toEqual({ outcome: "stored", n: 1 });
    expect(await streams.end(writer)).toMatchObject({ outcome: "stored", seq: 1 });
    expect((await subject.read()).messages).toMatchObject([{ text: "new" }]);
  });

  test("ST2 an append that is stored is ignored, and none is stored after a gap", async () => {
    await using streams = await StreamSubject.begin(open);
    const writer = await streams.open("a");
    await streams.append(writer, { n: 1, text: "x" });
    expect(await streams.append(writer, { n: 1, text: "x" }, { n: 2, text: "y" })).toEqual({
      outcome: "stored",
      n: 2,
    });
    expect(await streams.append(writer, { n: 4, text: "z" })).toEqual({ outcome: "gap", n: 2 });
    expect(await streams.drafts()).toMatchObject([{ n: 2, text: "xy" }]);
  });

  test("ST2 a start of an id that is a message is a duplicate, and not charged", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    await subject.store("m");
    expect(await streams.start("m")).toMatchObject({ outcome: "duplicate", seq: 1 });
    await streams.end(await streams.open("a"));
    expect(await streams.start("a")).toMatchObject({ outcome: "duplicate", seq: 2 });
    expect(await subject.engine.quota("anna", 1_000)).toMatchObject({ remaining: 998 });
  });

  test("ST6 a stream is charged once, and not at a takeover", async () => {
    await using streams = await StreamSubject.begin(open);
    const writer = await streams.open("a", { limit: 1 });
    const taken = await streams.start("a", { limit: 1 });
    expect(taken).toMatchObject({ outcome: "taken_over", quota: { limit: 1, remaining: 0 } });
    expect(await streams.start("b", { limit: 1 })).toMatchObject({ outcome: "rate_limited" });
    expect(await streams.end({ ...writer, generation: 2 }, { limit: 1 })).toMatchObject({
      outcome: "stored",
      quota: { remaining: 0 },
    });
  });

  test("ST6 a user has a bounded number of open streams", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    for (let i = 1; i <= DEFAULT_STREAM_RULES.maxOpen; i++)
      await streams.open(`s${i}`, { conversation: `c${i}` });
    expect(await streams.start("more")).toEqual({ outcome: "too_many" });
    expect(await streams.start("s1", { conversation: "c1" })).toMatchObject({ outcome: "taken_over" });
    expect(await streams.start("more", { user: "ben" })).toMatchObject({ outcome: "started" });
    expect(await subject.engine.quota("anna", 1_000)).toMatchObject({
      remaining: 1_000 - DEFAULT_STREAM_RULES.maxOpen,
    });
  });

  test("ST6 appends beyond the size of a stream are refused, and the draft stays", async () => {
    await using streams = await StreamSubject.begin(open);
    const { maxBytes } = DEFAULT_STREAM_RULES;
    const quote = '"';
    const writer = await streams.open("a");
    // The bytes count as in JSON, where a quotation mark has two.
    await streams.append(writer, { n: 1, text: quote.repeat(maxBytes / 2 - 1) });
    expect(await streams.append(writer, { n: 2, text: "xyz" })).toEqual({ outcome: "too_large" });
    const appends = [{ n: 2, text: "xyz" }];
    expect(await streams.end(writer, { appends })).toEqual({ outcome: "too_large" });
    // What another writer has stored counts, until the text is dropped.
    const next = await streams.open("a");
    expect(await streams.append(next, { n: 2, text: "xyz" })).toEqual({ outcome: "too_large" });
    expect(await streams.append(next, { n: 2, text: "xy" })).toEqual({ outcome: "stored", n: 2 });
    const restarted = await streams.open("a", { restart: true });
    expect(await streams.append(restarted, { n: 1, text: "xyz" })).toEqual({ outcome: "stored", n: 1 });
    expect(await streams.end(restarted)).toMatchObject({ outcome: "stored" });
  });

  test("ST5 the rows of a stream hold at most three times its text", async () => {
    await using streams = await StreamSubject.begin(open);
    const before = await streams.rowBytes();
    const writer = await streams.open("answer-of-the-model", { replyTo: 1 });
    // 150 tokens a second in batches of 100 ms.
    const tokens = Array.from({ length: 15 }, (_, i) => (i % 5 === 0 ? "grüße" : " word"));
    let text = "";
    for (let batch = 0; batch < 40; batch++) {
      const appends = tokens.map((token, i) => ({ n: batch * tokens.length + i + 1, text: token }));
      await streams.append(writer, ...appends);
      text += tokens.join("");
    }
    const atEnd = await streams.rowBytes();
    expect(await streams.end(writer)).toMatchObject({ outcome: "stored", seq: 1 });
    const bytes = Buffer.byteLength(text);
    streams.subject.clock.advance(1_000);
    const message = await streams.rowBytes();
    // The rows of the draft, and those of the message that it became.
    expect(atEnd - before).toBeGreaterThanOrEqual(bytes);
    expect(atEnd - before + (message - before)).toBeLessThanOrEqual(3 * bytes);
    // The text of the draft is not kept beside the message.
    expect(message - before).toBeLessThanOrEqual(bytes + 1_024);
  });

  test("ST5 `data` that is replaced all the time is kept once", async () => {
    await using streams = await StreamSubject.begin(open);
    const before = await streams.rowBytes();
    const writer = await streams.open("a", { data: JSON.stringify({ step: 0, fill: "x".repeat(10_000) }) });
    const data = (step: number) => JSON.stringify({ step, fill: "x".repeat(10_000) });
    for (let n = 1; n <= 20; n++) await streams.append(writer, { n, text: "", data: data(n) });
    expect((await streams.rowBytes()) - before).toBeLessThan(2 * 10_000);
    await streams.subject.reopen();
    expect(await streams.drafts()).toMatchObject([{ n: 20, data: data(20) }]);
    const taker = await streams.open("a", { restart: true, data: data(21) });
    await streams.append(taker, { n: 1, text: "", data: data(22) });
    expect((await streams.rowBytes()) - before).toBeLessThan(2 * 10_000);
  });

  test("ST3 what is stored survives that the store is opened again, also appends without text", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    const writer = await streams.open("a", { data: '{"a":1}', replyTo: 7 });
    const emoji = "\u{1F642}";
    await streams.append(writer, { n: 1, text: `one ${emoji[0]}` });
    await streams.append(writer, { n: 2, text: emoji[1]!, data: '{"a":2}' });
    await streams.append(writer, { n: 3, text: "" });
    const before = await streams.drafts();
    await subject.reopen();
    expect(await streams.drafts()).toEqual(before);
    expect(await streams.append(writer, { n: 4, text: "." })).toEqual({ outcome: "stored", n: 4 });
    expect(await streams.end(writer)).toMatchObject({ outcome: "stored", seq: 1 });
    await subject.reopen();
    expect(await streams.drafts()).toEqual([]);
    expect((await subject.read()).messages).toMatchObject([
      { seq: 1, id: "a", from: "anna", text: `one ${emoji}.`, data: { a: 2 }, reply_to: 7 },
    ]);
  });
}
