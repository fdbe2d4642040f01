import { expect, test } from "bun:test";
import { BY, begin, type OpenMembers, PRIVATE } from "../members/subject.ts";
import { ChangeSubject } from "./change-subject.ts";

/** Changes and the standing of their users, and what becomes of them when a conversation is removed. */
export function belongingContract(open: OpenMembers): void {
  test("CH4 moderators and owners erase what others have written, and edit only their own", async () => {
    await using store = await begin(open);
    const changes = new ChangeSubject(store.subject);
    await store.subject.fill(3);
    const roles = [
      { user: "mod", role: "moderator" },
      { user: "own", role: "owner" },
      { user: "mem", role: "member" },
    ] as const;
    await store.change("room", { standings: roles });
    expect(await changes.edit(1, "x", { user: "mod" })).toEqual({ outcome: "not_own" });
    expect(await changes.erase(1, { user: "mem" })).toEqual({ outcome: "not_own" });
    expect(await changes.erase(1, { user: "mod" })).toMatchObject({ outcome: "changed" });
    expect(await changes.erase(2, { user: "own" })).toMatchObject({ outcome: "changed" });
    await store.change("room", { standings: [{ user: "mod", role: "member" }] });
    expect(await changes.erase(3, { user: "mod" })).toEqual({ outcome: "not_own" });
    expect(await changes.messages()).toMatchObject([
      { erased: { by: "mod" } },
      { erased: { by: "own" } },
      { text: "3" },
    ]);
  });

  test("MB2 MB3 who is banned or does not belong changes nothing, and a muted user only erases its own", async () => {
    await using store = await begin(open);
    const changes = new ChangeSubject(store.subject);
    await store.subject.store("a");
    await changes.react(1, "x", { id: "early" });
    await store.change("room", { standings: [{ user: "anna", muted: BY }] });
    expect(await changes.edit(1, "x")).toEqual({ outcome: "muted" });
    expect(await changes.react(1, "y")).toEqual({ outcome: "muted" });
    expect(await changes.edit(1, "x", { exempt: true })).toMatchObject({ outcome: "changed" });
    // What was done before the mute is still known.
    expect(await changes.react(1, "x", { id: "early" })).toMatchObject({ outcome: "duplicate", rev: 1 });
    await store.change("room", { facts: PRIVATE });
    expect(await changes.erase(1)).toEqual({ outcome: "forbidden" });
    expect(await changes.react(1, "x", { id: "early" })).toEqual({ outcome: "forbidden" });
    await store.change("room", { facts: { ...PRIVATE, access: "anyone" } });
    expect(await changes.erase(1)).toMatchObject({ outcome: "changed", rev: 3 });
    await store.change("room", { standings: [{ user: "anna", role: null, muted: null, banned: BY }] });
    await store.subject.store("b", { user: "ben" });
    expect(await changes.react(2, "x")).toEqual({ outcome: "banned" });
    expect(await changes.react(2, "x", { exempt: true })).toEqual({ outcome: "banned" });
    expect(await store.subject.engine.head("room")).toMatchObject({ seq: 2, rev: 3 });
  });

  test("CH1 MB6 a removed conversation takes its changes with it, and the next one of the name begins at `rev` 0", async () => {
    await using store = await begin(open);
    const { subject } = store;
    const changes = new ChangeSubject(subject);
    await subject.fill(2);
    await changes.edit(1, "edited", { id: "edit" });
    await changes.react(2, "x", { id: "react" });
    const { epoch } = await subject.engine.head("room");
    await store.remove("room");
    const nothing = { changed: [], tooMany: false };
    for (const _ of ["at once", "opened again"]) {
      expect(await subject.engine.head("room")).toMatchObject({ seq: 2, first: 3, rev: 0 });
      expect(await changes.missed({}, "anna")).toEqual(nothing);
      expect([...(await subject.engine.changes.mine("room", "anna", [1, 2]))]).toEqual([]);
      expect(await changes.edit(1, "late")).toEqual({ outcome: "not_found" });
      expect(await changes.edit(1, "late", { epoch })).toEqual({ outcome: "removed" });
      expect(await changes.edit(3, "late", { expectedEpoch: epoch })).toMatchObject({
        outcome: "other_epoch",
      });
      await subject.reopen();
    }
    expect(await subject.store("edit")).toMatchObject({ seq: 3 });
    expect(await changes.react(3, "y", { id: "react" })).toMatchObject({ outcome: "changed", rev: 1 });
    expect((await changes.missed()).changed.map(({ entry, rev }) => [entry.seq, rev])).toEqual([[3, 1]]);
    expect(await changes.messages()).toMatchObject([{ seq: 3, text: "edit", rev: 1 }]);
    await subject.clean();
    expect(await changes.messages()).toMatchObject([{ seq: 3, reactions: { y: { count: 1 } } }]);
  });
}
