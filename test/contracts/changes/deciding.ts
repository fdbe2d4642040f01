import { expect, test } from "bun:test";
import { waitUntil } from "../../support/time/wait-until.ts";
import { type OpenEngine, Subject } from "../engine/subject.ts";
import { ChangeSubject } from "./change-subject.ts";

/** What is stored, refused and charged. */
export function decidingContract(open: OpenEngine): void {
  test("CH1 a changed message is shown as it is now, wherever it is read, also after the store is opened again", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a", { text: "first", data: { n: 1 } });
    await subject.store("b", { text: "second" });
    await subject.store("c", { user: "ben", text: "third", data: { secret: true } });
    const at = subject.clock.now();
    expect(await changes.edit(1, "much longer than it was before")).toMatchObject({ seq: 1, rev: 1 });
    expect(await changes.react(2, "👍", { user: "ben" })).toMatchObject({ outcome: "changed", rev: 2 });
    expect(await changes.erase(3, { user: "ben", reason: "typo" })).toMatchObject({ seq: 3, rev: 3, at });
    const shown = [
      { seq: 1, text: "much longer than it was before", data: { n: 1 }, rev: 1, edited: { at, rev: 1 } },
      { seq: 2, text: "second", rev: 2, reactions: { "👍": { count: 1, users: ["ben"] } } },
      { seq: 3, id: "c", from: "ben", text: "", rev: 3, erased: { by: "ben", at, reason: "typo" } },
    ];
    for (const _ of ["at once", "opened again"]) {
      const page = await subject.engine.page("room", 0, 3, 3);
      expect(page?.map((entry) => JSON.parse(`{"seq":${entry.seq},${entry.body}}`))).toMatchObject(
        shown.map(({ seq, text, rev }) => ({ seq, text, rev })),
      );
      const messages = await changes.messages();
      expect(messages).toMatchObject(shown);
      expect(messages[2]).not.toHaveProperty("data");
      expect((await subject.read({ before: 2, count: 1 })).messages).toMatchObject([shown[0]!]);
      expect(await subject.engine.head("room")).toMatchObject({ seq: 3, rev: 3 });
      const { views } = await subject.engine.inbox.read([{ conversation: "room", users: [] }], true);
      expect(views[0]?.newest?.body).toContain('"erased"');
      await subject.reopen();
    }
    expect(await changes.edit(1, "short")).toMatchObject({ outcome: "changed", rev: 4 });
    expect((await changes.messages())[0]).toMatchObject({
      text: "short",
      data: { n: 1 },
      edited: { rev: 4 },
    });
  });

  test("CH4 users change their own messages, moderators may erase those of others, and a refused request changes nothing", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a");
    const ben = { user: "ben" };
    expect(await changes.edit(1, "x", { ...ben, moderates: true })).toEqual({ outcome: "not_own" });
    expect(await changes.erase(1, ben)).toEqual({ outcome: "not_own" });
    expect(await changes.edit(2, "x")).toEqual({ outcome: "not_found" });
    expect(await changes.edit(1, "x", { conversation: "none" })).toEqual({ outcome: "not_found" });
    expect(await changes.edit(1, "x", { conversation: "none", mustExist: true })).toEqual({
      outcome: "forbidden",
    });
    expect(await changes.edit(1, "")).toEqual({ outcome: "empty" });
    expect(await subject.engine.head("room")).toMatchObject({ rev: 0 });
    expect(await changes.erase(1, { ...ben, moderates: true })).toMatchObject({ outcome: "changed", rev: 1 });
    expect(await changes.edit(1, "late")).toEqual({ outcome: "erased" });
    expect(await changes.react(1, "x")).toEqual({ outcome: "erased" });
    expect(await changes.erase(1)).toMatchObject({ outcome: "duplicate" });
    expect((await changes.messages())[0]).toMatchObject({ text: "", erased: { by: "ben" }, rev: 1 });
  });

  test("CH4 `if_rev` lets one of two editors win, also in one turn", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a");
    const both = await Promise.all([
      changes.edit(1, "one", { ifRev: 0 }),
      changes.edit(1, "two", { ifRev: 0 }),
    ]);
    expect(both).toMatchObject([
      { outcome: "changed", rev: 1 },
      { outcome: "conflict", rev: 1 },
    ]);
    await changes.react(1, "x");
    expect(await changes.edit(1, "two", { ifRev: 1 })).toMatchObject({ outcome: "changed", rev: 3 });
    expect((await changes.messages())[0]).toMatchObject({ text: "two", edited: { rev: 3 } });
  });

  test("CH4 a change is charged once, what changes nothing is free, and an erasure without a request left", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a", { limit: 3 });
    const limit = 3;
    expect(await changes.edit(1, "b", { limit, id: "e" })).toMatchObject({ quota: { limit, remaining: 1 } });
    expect(await changes.edit(1, "b", { limit, id: "e" })).toMatchObject({
      outcome: "duplicate",
      rev: 1,
      quota: { remaining: 1 },
    });
    const nothing = await changes.edit(1, "b", { limit });
    expect(nothing).toMatchObject({ outcome: "duplicate", quota: { remaining: 1 } });
    expect(nothing).not.toHaveProperty("rev");
    expect(await changes.edit(7, "b", { limit })).toEqual({ outcome: "not_found" });
    expect(await changes.react(1, "x", { limit })).toMatchObject({ quota: { remaining: 0 } });
    expect(await changes.edit(1, "c", { limit })).toMatchObject({ outcome: "rate_limited" });
    expect(await changes.react(1, "x", { limit, on: false })).toMatchObject({ outcome: "rate_limited" });
    expect(await changes.erase(1, { limit })).toMatchObject({ outcome: "changed", quota: { remaining: 0 } });
    expect(await subject.engine.quota("anna", limit)).toMatchObject({ remaining: 0 });
    expect(await changes.edit(1, "c", { limit: 0 })).toEqual({ outcome: "erased" });
  });

  test("CH4 messages, streams and changes of a user share one namespace of ids", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a");
    await subject.store("b");
    await changes.edit(1, "edited", { id: "change" });
    expect(await changes.edit(2, "x", { id: "a" })).toEqual({ outcome: "id_in_use" });
    expect(await changes.edit(2, "x", { id: "change" })).toEqual({ outcome: "id_in_use" });
    expect(await subject.post("change")).toEqual({ outcome: "id_in_use" });
    expect(await changes.startStream("change")).toEqual({ outcome: "id_in_use" });
    expect(await changes.startStream("draft")).toMatchObject({ outcome: "started" });
    expect(await changes.edit(2, "x", { id: "draft" })).toEqual({ outcome: "id_in_use" });
    // Another user, and another conversation, have names of their own.
    expect(await subject.post("change", { user: "ben" })).toMatchObject({ outcome: "stored" });
    expect(await subject.post("change", { conversation: "other" })).toMatchObject({ outcome: "stored" });
    await subject.reopen();
    expect(await changes.edit(1, "later", { id: "change" })).toMatchObject({ outcome: "duplicate", rev: 1 });
    expect((await changes.messages())[0]).toMatchObject({ text: "edited" });
  });

  test("CH4 ids of changes are known for 24 hours, and at least the newest 1,000 of a conversation", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    const hour = 3_600_000;
    await subject.store("a");
    const toggle = (from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from + 1 }, (_, i) =>
          changes.react(1, "x", { on: (from + i) % 2 === 1, id: `id-${from + i}`, limit: 0 }),
        ),
      );
    await toggle(1, 4);
    subject.clock.jump(25 * hour);
    await toggle(5, 1_003);
    // The newest 1,000 are 4 to 1,003.
    expect(await changes.react(1, "x", { id: "id-4", limit: 0 })).toMatchObject({ rev: 4 });
    expect(await subject.post("id-1")).toMatchObject({ outcome: "stored" });
    subject.clock.jump(23 * hour);
    await toggle(1_004, 2_010);
    expect(await changes.react(1, "x", { id: "id-1003", limit: 0 })).toMatchObject({ rev: 1_003 });
    expect(await subject.post("id-4")).toMatchObject({ outcome: "stored" });
  });

  test("CH1 a change of another epoch is refused, and one of a removed conversation", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a");
    const { epoch } = await subject.engine.head("room");
    const [store] = epoch.split(".");
    expect(await changes.edit(1, "x", { expectedEpoch: `${store}.7` })).toEqual({
      outcome: "other_epoch",
      epoch,
    });
    expect(await changes.edit(1, "x", { expectedEpoch: epoch, epoch })).toMatchObject({ outcome: "changed" });
    expect((await changes.messages())[0]).toMatchObject({ text: "x", rev: 1 });
  });

  test("IN1 changes move no unread count, and the inbox notices an edit of the newest message", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.fill(3);
    await subject.engine.setReadMark("room", "ben", 1);
    const query = [{ conversation: "room", users: ["ben"] }];
    const view = async () => (await subject.engine.inbox.read(query, false)).views[0]!;
    const before = await view();
    const notified: string[] = [];
    const stop = await subject.engine.inbox.watch(
      (conversation) => notified.push(conversation),
      () => {},
    );
    subject.clock.advance(1_000);
    await changes.erase(2);
    await changes.erase(3);
    const after = await view();
    const now = subject.clock.now();
    await waitUntil("the inbox is notified", () => {
      subject.clock.advance(1_000);
      return notified.includes("room");
    });
    stop();
    expect(after.readers).toEqual(before.readers);
    expect([after.seq, after.first, after.at]).toEqual([before.seq, before.first, before.at]);
    expect(after.changedAt).toBe(now);
  });

  test("AP1 an edit is considered as a whole message, without a charge, a number or a trace", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a", { text: "first", data: { n: 1 }, limit: 2 });
    const acceptable = { outcome: "acceptable", id: "a", body: '"text":"good","data":{"n":1}' } as const;
    expect(await changes.consider(1, "good", { id: "e", limit: 2 })).toEqual(acceptable);
    expect(await changes.consider(1, "first")).toMatchObject({ outcome: "duplicate", seq: 1 });
    expect(await changes.consider(1, "x", { user: "ben" })).toEqual({ outcome: "not_own" });
    expect(await changes.consider(2, "x")).toEqual({ outcome: "not_found" });
    expect(await subject.engine.head("room")).toMatchObject({ rev: 0 });
    const [before, made, after] = await Promise.all([
      changes.consider(1, "good", { id: "e", limit: 2 }),
      changes.edit(1, "good", { id: "e", limit: 2 }),
      changes.consider(1, "good", { id: "e", limit: 2 }),
    ]);
    expect(before).toEqual(acceptable);
    expect(made).toMatchObject({ outcome: "changed", rev: 1, quota: { remaining: 0 } });
    expect(after).toMatchObject({ outcome: "duplicate", rev: 1 });
    expect(await changes.consider(1, "other", { limit: 2 })).toMatchObject({
      outcome: "rate_limited",
      retryAfter: 3_600_000,
    });
    expect(await changes.messages()).toMatchObject([{ text: "good", rev: 1 }]);
  });
}
