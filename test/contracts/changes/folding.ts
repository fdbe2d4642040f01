import { expect, test } from "bun:test";
import { isLong } from "../../support/random.ts";
import { type OpenEngine, Subject } from "../engine/subject.ts";
import { ChangeSubject, decodeChanged } from "./change-subject.ts";

/** Twice the changes whose ids are known, at least. */
const REACTIONS = isLong ? 10_000 : 2_000;

/** What returning clients and readers get. */
export function foldingContract(open: OpenEngine): void {
  test("CH2 what was missed comes once for each message, in the order of its newest change", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.fill(4);
    await changes.react(3, "x");
    await changes.edit(1, "one");
    await changes.edit(2, "two");
    subject.clock.advance(5);
    await changes.react(1, "y", { user: "ben" });
    const at = subject.clock.now();
    const seqs = async (plan: Parameters<ChangeSubject["missed"]>[0]) =>
      (await changes.missed(plan)).changed.map(({ entry, rev }) => [entry.seq, rev]);
    expect(await seqs({})).toEqual([
      [3, 1],
      [2, 3],
      [1, 4],
    ]);
    expect(await seqs({ after: 3 })).toEqual([[1, 4]]);
    expect(await seqs({ after: 4 })).toEqual([]);
    expect(await seqs({ first: 2, last: 2 })).toEqual([[2, 3]]);
    expect(await seqs({ first: 4 })).toEqual([]);
    const { changed } = await changes.missed({ after: 3 });
    expect(changed.map(decodeChanged)).toMatchObject([
      {
        ...{ rev: 4, changedAt: at },
        message: { text: "one", rev: 4, edited: { rev: 2 }, reactions: { y: { count: 1, users: ["ben"] } } },
      },
    ]);
  });

  test("CH2 more than the plan allows is too much", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.fill(4);
    for (let seq = 1; seq <= 4; seq++) await changes.react(seq, "x");
    expect(await changes.missed({ count: 3 })).toEqual({ changed: [], tooMany: true });
    expect((await changes.missed({ count: 4 })).changed).toHaveLength(4);
    expect((await changes.missed({ count: 3, after: 1 })).changed).toHaveLength(3);
  });

  test("CH1 readers get their own reactions beside messages, oldest first, and nothing of erased ones", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.fill(3);
    const ben = { user: "ben" };
    for (const name of ["2", "1", "x"]) await changes.react(1, name, ben);
    await changes.react(1, "1", { ...ben, on: false });
    await changes.react(2, "y", ben);
    await changes.react(2, "y");
    await changes.react(3, "z", ben);
    await changes.erase(3);
    const read = (user: string) => subject.engine.changes.mine("room", user, [1, 2, 3, 4]);
    const own: [number, string[]][] = [
      [1, ["2", "x"]],
      [2, ["y"]],
    ];
    expect([...(await read("ben"))]).toEqual(own);
    expect([...(await read("anna"))]).toEqual([[2, ["y"]]]);
    expect([...(await read("carl"))]).toEqual([]);
    const page = await subject.history({ user: "ben" });
    expect(page.outcome === "read" && [...(page.mine ?? [])]).toEqual(own);
    expect(await subject.history({ user: "carl" })).not.toHaveProperty("mine");
    const { changed } = await changes.missed({}, "ben");
    expect(changed.map(({ entry, mine: names }) => [entry.seq, names])).toEqual([
      [1, ["2", "x"]],
      [2, ["y"]],
      [3, undefined],
    ]);
  });

  test("CH4 the newest five users of a reaction are shown, also when one of them takes it back", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a");
    const users = Array.from({ length: 8 }, (_, i) => `u${i + 1}`);
    for (const user of users) await changes.react(1, "x", { user });
    const summary = async () => (await changes.messages())[0]?.reactions?.x;
    expect(await summary()).toEqual({ count: 8, users: ["u8", "u7", "u6", "u5", "u4"] });
    await changes.react(1, "x", { user: "u7", on: false });
    await changes.react(1, "x", { user: "u4", on: false });
    expect(await summary()).toEqual({ count: 6, users: ["u8", "u6", "u5", "u3", "u2"] });
    await subject.reopen();
    await changes.react(1, "x", { user: "u7" });
    expect(await summary()).toEqual({ count: 7, users: ["u7", "u8", "u6", "u5", "u3"] });
  });

  test(`CH2 ${REACTIONS} reactions of many users, on and off, on three messages come back as three folds`, async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.fill(3);
    const has = new Map<string, number>();
    for (let made = 0; made < REACTIONS; ) {
      const batch: Promise<unknown>[] = [];
      for (let i = 0; i < 500; i++, made++) {
        const seq = (made % 3) + 1;
        const user = `u${made % 71}`;
        const key = `${seq} ${user}`;
        const on = !has.has(key);
        if (on) has.set(key, seq);
        else has.delete(key);
        batch.push(changes.react(seq, "👍", { user, on, limit: 0 }));
      }
      await Promise.all(batch);
    }
    const { changed, tooMany } = await changes.missed({ count: 3 });
    expect(tooMany).toBe(false);
    expect(changed.map(({ rev }) => rev)).toEqual([REACTIONS - 2, REACTIONS - 1, REACTIONS]);
    const counts = new Map<number, number>();
    for (const seq of has.values()) counts.set(seq, (counts.get(seq) ?? 0) + 1);
    for (const { seq, reactions } of await changes.messages())
      expect([seq, reactions?.["👍"]?.count ?? 0]).toEqual([seq, counts.get(seq) ?? 0]);
  });

  test("CH3 what retention removes takes its changes with it", async () => {
    await using subject = await Subject.open(open, { messages: 2, days: 0 });
    const changes = new ChangeSubject(subject);
    await subject.fill(3);
    await changes.edit(2, "two", { id: "edit" });
    await changes.react(2, "x");
    await subject.fill(3, { user: "ben" });
    await subject.clean();
    expect(await subject.engine.head("room")).toMatchObject({ seq: 6, first: 5, rev: 2 });
    expect(await changes.missed()).toEqual({ changed: [], tooMany: false });
    expect([...(await subject.engine.changes.mine("room", "anna", [2]))]).toEqual([]);
    expect(await changes.edit(2, "again")).toEqual({ outcome: "not_found" });
    // The id is free again, as that of a message that is not kept.
    expect(await subject.post("edit")).toMatchObject({ outcome: "stored", seq: 7 });
  });
}
