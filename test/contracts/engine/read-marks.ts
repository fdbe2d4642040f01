import { expect, test } from "bun:test";
import { type OpenEngine, Subject } from "./subject.ts";

/** Read marks: how far each user has read. */
export function readMarksContract(open: OpenEngine): void {
  test("D2 a read mark is kept for each user and conversation, after reopening too", async () => {
    await using subject = await Subject.open(open);
    await Promise.all([subject.fill(5), subject.fill(5, { conversation: "other" })]);
    expect(await subject.engine.setReadMark("room", "anna", 3)).toBe(3);
    expect(await subject.engine.setReadMark("room", "ben", 5)).toBe(5);
    expect(await subject.engine.setReadMark("other", "anna", 1)).toBe(1);
    for (const round of ["fresh", "reopened"]) {
      const marks = [...(await subject.engine.readMarks("room", ["anna", "ben"]))].sort();
      expect([round, ...marks]).toEqual([round, ["anna", 3], ["ben", 5]]);
      expect([...(await subject.engine.readMarks("other", ["anna", "ben"]))]).toEqual([["anna", 1]]);
      if (round === "fresh") await subject.reopen();
    }
    expect([...(await subject.engine.readMarks("room", ["ben", "cleo"]))]).toEqual([["ben", 5]]);
    expect((await subject.engine.readMarks("room", [])).size).toBe(0);
    expect((await subject.engine.readMarks("silent", ["anna", "ben"])).size).toBe(0);
  });

  test("D2 a read mark only moves forward, and not beyond the newest message", async () => {
    await using subject = await Subject.open(open);
    await subject.fill(5);
    const mark = (seq: number) => subject.engine.setReadMark("room", "anna", seq);
    expect(await mark(6)).toBeUndefined();
    expect(await mark(0)).toBeUndefined();
    expect((await subject.engine.readMarks("room", ["anna", "ben"])).size).toBe(0);
    expect(await mark(4)).toBe(4);
    for (const seq of [4, 3, 0, -1, 6, Number.MAX_SAFE_INTEGER]) expect(await mark(seq)).toBeUndefined();
    expect([...(await subject.engine.readMarks("room", ["anna", "ben"]))]).toEqual([["anna", 4]]);
    expect(await mark(5)).toBe(5);
    expect(await subject.engine.setReadMark("silent", "anna", 1)).toBeUndefined();
    expect((await subject.store("1", { conversation: "silent" })).seq).toBe(1);
  });

  test("D2 marks of one batch take effect in their order, and after the posts before them", async () => {
    await using subject = await Subject.open(open);
    const mark = (seq: number) => subject.engine.setReadMark("room", "anna", seq);
    const results = await Promise.all([
      mark(1),
      subject.store("1").then(({ seq }) => seq),
      mark(1),
      mark(1),
      subject.store("2").then(({ seq }) => seq),
      mark(2),
      mark(1),
    ]);
    expect(results).toEqual([undefined, 1, 1, undefined, 2, 2, undefined]);
    expect([...(await subject.engine.readMarks("room", ["anna", "ben"]))]).toEqual([["anna", 2]]);
  });

  test("Q2 a read mark costs nothing", async () => {
    await using subject = await Subject.open(open);
    await subject.store("1", { limit: 5 });
    await subject.engine.setReadMark("room", "anna", 1);
    expect(await subject.engine.quota("anna", 5)).toMatchObject({ remaining: 4 });
  });

  test("L1 marks begun before closing are kept; later ones fail with `unavailable` and leave no trace", async () => {
    await using subject = await Subject.open(open);
    await subject.fill(2);
    const early = subject.engine.setReadMark("room", "anna", 1);
    await subject.engine.close();
    expect(await early).toBe(1);
    expect(await subject.engine.setReadMark("room", "anna", 2)).toBeUndefined();
    await subject.reopen();
    expect([...(await subject.engine.readMarks("room", ["anna", "ben"]))]).toEqual([["anna", 1]]);
  });
}
