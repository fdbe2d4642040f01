import { expect, test } from "bun:test";
import type { DraftText, EndContent } from "../../../src/core/ports/conversation/streams.ts";
import { CANCEL_GRACE_MS, DEFAULT_STREAM_RULES } from "../../../src/core/streams/draft.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { type OpenStreams, StreamSubject } from "./stream-subject.ts";

/** A text with what JSON escapes. */
const TEXT = 'good\n"ä"\t\\';

export function approvingContract(open: OpenStreams): void {
  test("AP4 a content takes the place of what is stored, however much that is", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    const writer = await streams.open("a", { data: '{"old":1}', replyTo: 7 });
    await streams.append(writer, { n: 1, text: "asked about" }, { n: 2, text: " and not" });
    const content = { text: TEXT, data: '{"k":[1]}' };
    expect(await streams.end(writer, { content, state: "failed" })).toMatchObject({
      outcome: "stored",
      seq: 1,
    });
    const bare = await streams.open("b", { data: '{"old":1}' });
    expect(await streams.end(bare, { content: { text: "b" }, data: '{"new":1}' })).toMatchObject({ seq: 2 });
    const { messages } = await subject.read();
    expect(messages[0]).toMatchObject({
      ...{ id: "a", text: TEXT, data: { k: [1] }, reply_to: 7 },
      stream: { stream: writer.stream, state: "failed" },
    });
    expect(messages[1]).toMatchObject({ id: "b", text: "b" });
    expect(messages[1]).not.toHaveProperty("data");
  });

  test("AP4 a rejected stream becomes a message without text, and its text is kept nowhere", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    const writer = await streams.open("a", { data: '{"d":1}', limit: 5 });
    await streams.append(writer, { n: 1, text: "insult ".repeat(1_000) });
    const content: EndContent = { rejected: true, reason: 'no "insults"' };
    const rejected = { outcome: "rejected", seq: 1, reason: 'no "insults"' } as const;
    expect(await streams.end(writer, { content })).toEqual(rejected);
    const at = subject.clock.now();
    const { messages } = await subject.read();
    expect(messages).toMatchObject([
      {
        ...{ seq: 1, id: "a", text: "", erased: { by: "approval", at, reason: 'no "insults"' } },
        stream: { stream: writer.stream, state: "rejected" },
      },
    ]);
    expect(messages[0]).not.toHaveProperty("data");
    expect(await streams.rowBytes()).toBeLessThan(1_000);
    expect(await streams.start("a")).toMatchObject({ outcome: "duplicate", seq: 1 });
    const other = await streams.open("b");
    expect(await streams.end(other, { content: { rejected: true } })).toEqual({
      outcome: "rejected",
      seq: 2,
    });
    expect((await subject.read()).messages[1]!.erased).toEqual({ by: "approval", at });
  });

  test("AP4 what the server ends is decided about first, once, while its writer may come back", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    const asked: { draft: DraftText; decide: (content: EndContent) => void }[] = [];
    subject.engine.streams.approveEnds((draft) => new Promise((decide) => asked.push({ draft, decide })));
    // A sweep of SQLite comes to nothing while another thread writes.
    const sweptUntil = (what: string, holds: () => boolean) =>
      waitUntil(what, () => {
        if (!holds()) subject.clock.advance(500);
        return holds();
      });
    const [lost, back] = [await streams.open("lost"), await streams.open("back")];
    for (const writer of [lost, back]) await streams.append(writer, { n: 1, text: "so far" });
    subject.clock.advance(DEFAULT_STREAM_RULES.lease - 1_000);
    await streams.append(back, { n: 2, text: ", on" });
    subject.clock.advance(1_500);
    await sweptUntil("one is asked about", () => asked.length > 0);
    // Nobody asks again while it is decided.
    for (let i = 0; i < 4; i++) subject.clock.advance(500);
    await streams.drafts();
    expect(asked.map(({ draft }) => [draft.id, draft.text])).toEqual([["lost", "so far"]]);
    expect((await subject.read()).messages).toEqual([]);
    asked[0]!.decide({ text: "approved" });
    await waitUntil("it is a message", async () => (await subject.read()).messages.length === 1);
    expect((await subject.read()).messages).toMatchObject([
      { id: "lost", text: "approved", stream: { state: "interrupted" } },
    ]);
    // One whose writer comes back while it is decided goes on.
    subject.clock.advance(DEFAULT_STREAM_RULES.lease);
    await sweptUntil("the other is asked about", () => asked.length === 2);
    await streams.append(back, { n: 3, text: "." });
    asked[1]!.decide({ text: "approved too early" });
    await streams.cancel({ stream: back.stream }, "anna");
    subject.clock.advance(CANCEL_GRACE_MS);
    await sweptUntil("it is asked about again, with all its text", () => {
      const { draft, decide } = asked.at(-1)!;
      if (draft.text === "so far, on.") return true;
      // A sweep that had read the draft before the append asks about that. The store takes no decision about it.
      if (asked.length > 2) decide({ text: "approved too early" });
      return false;
    });
    asked.at(-1)!.decide({ rejected: true, reason: "no" });
    await waitUntil("it is a message", async () => (await subject.read()).messages.length === 2);
    expect((await subject.read()).messages[1]).toMatchObject({
      ...{ id: "back", text: "", erased: { by: "approval", reason: "no" }, stream: { state: "rejected" } },
    });
    // Of a user who may not write any more, too.
    await streams.open("refused");
    const refusing = subject.engine.streams.refuse("anna", "room");
    await waitUntil("it is asked about", () => asked.at(-1)!.draft.id === "refused");
    asked.at(-1)!.decide({ text: "last words" });
    await refusing;
    expect((await subject.read()).messages[2]).toMatchObject({
      text: "last words",
      stream: { state: "interrupted" },
    });
  });
}
