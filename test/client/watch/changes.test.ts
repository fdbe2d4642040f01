import { describe, expect, test } from "bun:test";
import type { Change } from "../../../src/client/types/frames.ts";
import { applyChange, storedEntry } from "../../../src/client/watch/changes.ts";
import { EMPTY_LIST, type ListEvent, listStep } from "../../../src/client/watch/message-list.ts";

const message = (seq: number, fields: object = {}) => ({
  seq,
  id: `m${seq}`,
  from: "ben",
  text: `${seq}`,
  at: seq,
  ...fields,
});
const entry = (fields: object = {}) => storedEntry(message(4, fields), "k", "ann");
const change = (rev: number, set: object, fields: Partial<Change> = {}): Change => ({
  rev,
  seq: 4,
  kind: "edit",
  by: "ben",
  at: 50,
  set: set as never,
  ...fields,
});
const reactions = (text: string) => JSON.parse(`{"reactions":${text}}`) as object;

describe("a change", () => {
  test("CH1 copies `set`, and `null` drops a field", () => {
    const edited = applyChange(
      entry({ data: { a: 1 } }),
      change(7, { text: "new", edited: { at: 50, rev: 7 } }),
      "ann",
    );
    expect(edited).toMatchObject({ text: "new", data: { a: 1 }, rev: 7, edited: { rev: 7 } });
    const dropped = applyChange(edited, change(8, { data: null }), "ann");
    expect("data" in dropped).toBe(false);
    const set = { text: "", data: null, reactions: null, erased: { by: "ben", at: 50 } };
    const erased = applyChange(
      entry({ reactions: { a: { count: 1, users: ["ann"] } }, mine: ["a"] }),
      change(9, set),
      "ann",
    );
    expect(erased).toEqual({ ...entry(), text: "", rev: 9, erased: { by: "ben", at: 50 }, myReactions: [] });
  });

  test("CH1 one that is known already changes nothing", () => {
    const now = entry({ rev: 7 });
    for (const rev of [6, 7]) expect(applyChange(now, change(rev, { text: "no" }), "ann")).toBe(now);
  });

  test("of `reactions` each name takes its name's place, also names that objects have", () => {
    const names = ["__proto__", "constructor", "toString", "👍"];
    let now = entry();
    names.forEach((name, index) => {
      const set = reactions(`{${JSON.stringify(name)}:{"count":1,"users":["ann"]}}`);
      now = applyChange(now, change(index + 1, set, { kind: "react", by: "ann" }), "ann");
    });
    expect(Object.keys(now.reactions!)).toEqual(names);
    expect(now.myReactions).toEqual(names);
    expect(Object.getPrototypeOf(now.reactions)).toBe(Object.prototype);
    now = applyChange(
      now,
      change(9, reactions('{"__proto__":{"count":0}}'), { kind: "react", by: "ann" }),
      "ann",
    );
    expect([Object.keys(now.reactions!), now.myReactions]).toEqual([names.slice(1), names.slice(1)]);
  });

  test("CH2 a fold drops what it does not hold; own reactions come with it, or stay", () => {
    const now = entry({ data: { a: 1 }, reactions: { a: { count: 2, users: ["ann", "bob"] } }, mine: ["a"] });
    const fold = (set: object, fields: Partial<Change> = {}) =>
      applyChange(now, change(20, { text: "now", ...set }, { kind: "fold", ...fields }), "ann");
    expect(fold({})).toEqual({ ...entry(), text: "now", rev: 20, myReactions: [] });
    const many = {
      reactions: { a: { count: 9, users: ["b1", "b2", "b3", "b4", "b5"] }, b: { count: 1, users: ["b1"] } },
    };
    expect(fold(many).myReactions).toEqual(["a"]);
    expect(fold(many, { mine: [] }).myReactions).toEqual([]);
    // `users` has all, and this user is not there any more.
    expect(fold({ reactions: { a: { count: 1, users: ["bob"] } } }).myReactions).toEqual([]);
  });
});

describe("the list", () => {
  const opened: ListEvent = { type: "opened", seq: 4, read: 0 };
  const page = (...messages: object[]): ListEvent => ({
    type: "page",
    messages: messages as never,
    more: false,
  });
  const run = (...events: readonly ListEvent[]) =>
    events.reduce((state, event) => listStep(state, event, "ann"), EMPTY_LIST);
  const received = (one: Change, isReading = false): ListEvent => ({
    type: "change",
    change: one,
    isReading,
  });
  const react = (id: string, seq: number | string, on = true): ListEvent => ({
    type: "pending",
    at: 9,
    pending: [{ type: "react", id, seq, reaction: "👍", on }],
  });

  test("CH1 a change of a message that it does not have is dropped, unless an answer with it may be older", () => {
    const state = run(opened, page(message(5)));
    expect(listStep(state, received(change(3, { text: "new" })), "ann")).toBe(state);
    const early = listStep(state, received(change(3, { text: "new" }), true), "ann");
    expect(listStep(early, page(message(4)), "ann").entries[0]).toMatchObject({ text: "new", rev: 3 });
    expect(listStep(early, page(message(4, { text: "newer", rev: 4 })), "ann").entries[0]).toMatchObject({
      text: "newer",
    });
    const late = listStep(listStep(early, { type: "read_out" }, "ann"), page(message(4)), "ann");
    expect(late.entries[0]).toMatchObject({ text: "4" });
  });

  test("a page takes the place of what was changed since, and of nothing else", () => {
    const state = run(opened, page(message(4, { rev: 3 }), message(5)));
    const next = listStep(
      state,
      {
        type: "page",
        messages: [message(4, { rev: 6, text: "new" }), message(5)] as never,
        more: false,
        mine: { 4: ["a"] },
      },
      "ann",
    );
    expect(next.stored[0]).toMatchObject({ text: "new", myReactions: ["a"] });
    expect(next.stored[1]).toBe(state.stored[1]!);
  });

  test("CH4 an own change is shown at once, until its change comes; of a refusal the message is as it was", () => {
    const state = run(opened, page(message(4, { reactions: { "👍": { count: 1, users: ["bob"] } } })));
    const waiting = listStep(state, react("c", 4), "ann");
    expect(waiting.entries[0]).toMatchObject({
      reactions: { "👍": { count: 2, users: ["ann", "bob"] } },
      myReactions: ["👍"],
      changing: [{ id: "c", type: "react", state: "pending" }],
    });
    expect(waiting.stored).toBe(state.stored);
    const acked = listStep(
      waiting,
      { type: "acked", ack: { id: "c", seq: 4, rev: 7, at: 9, quota: null } },
      "ann",
    );
    // Still as it was made: its change is on the way.
    expect(acked.entries[0]!.myReactions).toEqual(["👍"]);
    const set = { reactions: { "👍": { count: 2, users: ["ann", "bob"] } } };
    const done = listStep(acked, received(change(7, set, { kind: "react", by: "ann" })), "ann");
    expect(done.entries[0]).toMatchObject({ rev: 7, myReactions: ["👍"] });
    expect([done.entries[0]!.changing, done.changes]).toEqual([undefined, []]);
    // Acked, and it changed nothing.
    const same = listStep(
      waiting,
      { type: "acked", ack: { id: "c", seq: 4, duplicate: true, at: 9, quota: null } },
      "ann",
    );
    expect(same.changes).toEqual([]);
  });

  test("CH1 a change waits for its message's ack, and stays with the message", () => {
    const own: ListEvent = { type: "pending", at: 9, pending: [{ id: "w", text: "hello" }] };
    const written = run(opened, page(message(4)), own, react("c", "w"));
    expect(written.entries.at(-1)).toMatchObject({ state: "pending", myReactions: ["👍"] });
    const acked = listStep(written, { type: "acked", ack: { id: "w", seq: 5, at: 9, quota: null } }, "ann");
    expect(acked.entries.at(-1)).toMatchObject({ seq: 5, myReactions: ["👍"] });
    const stored = listStep(acked, { type: "message", message: message(5, { id: "w", from: "ann" }) }, "ann");
    expect(stored.entries.at(-1)).toMatchObject({ seq: 5, state: "stored", myReactions: ["👍"] });
  });
});
