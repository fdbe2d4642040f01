import { expect, test } from "bun:test";
import { type OpenEngine, Subject } from "./subject.ts";

const DAY = 86_400_000;

/** Removed messages: gone for every way of reading, their seqs never used again, and reported by `head`. */
export function retentionContract(open: OpenEngine): void {
  test("D5 messages beyond the kept number are removed, and `head` gives the first one kept", async () => {
    await using subject = await Subject.open(open, { messages: 4, days: 0 });
    const { epoch } = (await subject.subscribe()).listening;
    await Promise.all([subject.fill(10), subject.fill(3, { conversation: "other" })]);
    await subject.clean();
    for (const round of ["fresh", "reopened"]) {
      expect([round, await subject.engine.head("room")]).toEqual([
        round,
        { seq: 10, first: 7, epoch, rev: 0 },
      ]);
      expect(await subject.engine.head("other")).toEqual({ seq: 3, first: 1, epoch, rev: 0 });
      const seqs = async (fields: { before?: number; after?: number; count: number }) => {
        const { messages, more } = await subject.read(fields);
        return [...messages.map(({ seq }) => seq), more];
      };
      expect(await seqs({ count: 200 })).toEqual([7, 8, 9, 10, false]);
      expect(await seqs({ before: 9, count: 2 })).toEqual([7, 8, false]);
      expect(await seqs({ before: 10, count: 2 })).toEqual([8, 9, true]);
      expect(await seqs({ before: 7, count: 2 })).toEqual([false]);
      expect(await seqs({ after: 0, count: 2 })).toEqual([7, 8, true]);
      expect(await seqs({ after: 8, count: 2 })).toEqual([9, 10, false]);
      const page = await subject.engine.page("room", 2, 9, 2);
      expect(page?.map(({ seq }) => seq)).toEqual([7, 8]);
      expect(await subject.engine.page("room", 2, 5, 2)).toEqual([]);
      if (round === "fresh") await subject.reopen();
    }
  });

  test("D5 messages that are too old are removed, to the millisecond, even when no message remains", async () => {
    await using subject = await Subject.open(open, { messages: 0, days: 2 });
    for (const id of ["1", "2", "3"]) {
      await subject.store(id);
      subject.clock.jump(DAY);
    }
    // The second is two days old now, the third one.
    await subject.clean();
    expect(await subject.engine.head("room")).toMatchObject({ seq: 3, first: 2 });
    subject.clock.advance(1);
    await subject.clean();
    expect(await subject.engine.head("room")).toMatchObject({ seq: 3, first: 3 });
    subject.clock.jump(2 * DAY);
    await subject.clean();
    expect(await subject.engine.head("room")).toMatchObject({ seq: 3, first: 4 });
    expect((await subject.read()).messages).toEqual([]);
  });

  test("D1 D5 no seq is used twice, even after all messages were removed and after reopening", async () => {
    await using subject = await Subject.open(open, { messages: 0, days: 1 });
    await Promise.all([subject.fill(3), subject.fill(3, { conversation: "other" })]);
    const { epoch } = await subject.engine.head("room");
    subject.clock.jump(2 * DAY);
    await subject.clean();
    await subject.reopen();
    expect(await subject.engine.head("room")).toEqual({ seq: 3, first: 4, epoch, rev: 0 });
    expect((await subject.subscribe()).listening).toMatchObject({ seq: 3, epoch });
    const { received } = await subject.subscribe();
    expect(await subject.store("new")).toMatchObject({ seq: 4 });
    expect(received.map(({ seq }) => seq)).toEqual([4]);
    await subject.reopen();
    expect((await subject.read()).messages.map(({ seq }) => seq)).toEqual([4]);
    expect(await subject.engine.head("room")).toEqual({ seq: 4, first: 4, epoch, rev: 0 });
  });

  test("D3 D5 the id of a kept message stays taken; the id of a removed one may be used once again", async () => {
    await using subject = await Subject.open(open, { messages: 2, days: 0 });
    await subject.fill(4);
    await subject.clean();
    for (const seq of [3, 4])
      expect(await subject.post(String(seq))).toMatchObject({ outcome: "duplicate", seq });
    expect(await subject.store("1")).toMatchObject({ seq: 5 });
    expect(await subject.post("1")).toMatchObject({ outcome: "duplicate", seq: 5 });
    await subject.reopen();
    expect(await subject.post("1")).toMatchObject({ outcome: "duplicate", seq: 5 });
  });

  test("D5 read marks stay when their messages are removed", async () => {
    await using subject = await Subject.open(open, { messages: 1, days: 0 });
    await subject.fill(5);
    await subject.engine.setReadMark("room", "anna", 3);
    await subject.clean();
    expect([...(await subject.engine.readMarks("room", ["anna", "ben"]))]).toEqual([["anna", 3]]);
    expect(await subject.engine.setReadMark("room", "anna", 4)).toBe(4);
  });

  test("D5 nothing is removed without a limit", async () => {
    await using subject = await Subject.open(open);
    await subject.fill(10);
    subject.clock.jump(10_000 * DAY);
    await subject.clean();
    expect(await subject.engine.head("room")).toMatchObject({ seq: 10, first: 1 });
    expect((await subject.read()).messages).toHaveLength(10);
  });
}
