import { expect, test } from "bun:test";
import { waitUntil } from "../../support/time/wait-until.ts";
import { type OpenEngine, Subject } from "../engine/subject.ts";
import { ChangeSubject } from "./change-subject.ts";

/** In which order changes are announced and answered. */
export function announcingContract(open: OpenEngine): void {
  test("CH1 changes and messages of a conversation are announced and answered in one order", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a");
    const order: string[] = [];
    await subject.engine.subscribe("room", (_, { seq }) => order.push(`message ${seq}`));
    subject.engine.changes.watch((event) => {
      if (event.type !== "changed") throw new Error("Nothing was missed.");
      order.push(`${event.change.kind} ${event.change.rev}`);
    });
    const asked = [
      changes.edit(1, "one").then(() => order.push("ack of edit 1")),
      subject.post("b").then(() => order.push("ack of message 2")),
      changes.react(2, "x", { user: "ben" }).then(() => order.push("ack of react 2")),
      subject.post("c").then(() => order.push("ack of message 3")),
      changes.erase(2).then(() => order.push("ack of erase 3")),
    ];
    await Promise.all(asked);
    const announced = order.filter((what) => !what.startsWith("ack"));
    expect(announced).toEqual(["edit 1", "message 2", "react 2", "message 3", "erase 3"]);
    for (const what of announced)
      expect(order.indexOf(`ack of ${what}`)).toBeGreaterThan(order.indexOf(what));
    expect(order.filter((what) => what.startsWith("ack"))).toEqual(announced.map((what) => `ack of ${what}`));
  });

  test("CH1 a change carries the fields that it replaces, and the message as it is now", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a", { data: { n: 1 } });
    await subject.subscribe();
    const events = changes.watch();
    const at = subject.clock.now();
    const { epoch } = await subject.engine.head("room");
    await changes.change(1, { kind: "edit", data: null });
    await changes.react(1, "👍", { user: "ben" });
    await changes.react(1, "👍", { user: "ben", on: false });
    await changes.erase(1, { reason: "done" });
    await waitUntil("all changes are announced", () => events.length === 4);
    const announced = events.map((event) => (event.type === "changed" ? event.change : undefined)!);
    const base = { conversation: "room", epoch, seq: 1, at };
    expect(announced.map(({ entry, set, ...rest }) => ({ ...rest, set: JSON.parse(set) }))).toEqual([
      { ...base, rev: 1, kind: "edit", by: "anna", set: { data: null, edited: { at, rev: 1 } } },
      {
        ...base,
        rev: 2,
        kind: "react",
        by: "ben",
        set: { reactions: { "👍": { count: 1, users: ["ben"] } } },
      },
      { ...base, rev: 3, kind: "react", by: "ben", set: { reactions: { "👍": { count: 0 } } } },
      {
        ...{ ...base, rev: 4, kind: "erase", by: "anna" },
        set: { text: "", data: null, reactions: null, erased: { by: "anna", at, reason: "done" } },
      },
    ]);
    expect(announced.map(({ entry }) => JSON.parse(`{${entry.body}}`))).toEqual([
      { text: "a", rev: 1, edited: { at, rev: 1 } },
      { text: "a", rev: 2, edited: { at, rev: 1 }, reactions: { "👍": { count: 1, users: ["ben"] } } },
      { text: "a", rev: 3, edited: { at, rev: 1 } },
      { text: "", rev: 4, edited: { at, rev: 1 }, erased: { by: "anna", at, reason: "done" } },
    ]);
  });

  test("CH1 only subscribed conversations are announced, and refused changes are not", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a");
    await subject.store("a", { conversation: "other" });
    await subject.subscribe();
    const events = changes.watch();
    await changes.edit(1, "x", { conversation: "other" });
    await changes.edit(1, "a");
    await changes.edit(1, "x", { user: "ben" });
    await changes.edit(1, "x");
    expect(events).toMatchObject([{ type: "changed", change: { conversation: "room", rev: 1 } }]);
  });

  test("CH1 a subscription names the newest change that it begins after", async () => {
    await using subject = await Subject.open(open);
    const changes = new ChangeSubject(subject);
    await subject.store("a");
    await changes.edit(1, "x");
    await changes.edit(1, "y");
    const { listening } = await subject.subscribe();
    expect(listening.rev).toBe(2);
    expect(await subject.engine.changes.rev("room")).toBe(2);
    expect(await subject.engine.changes.rev("none")).toBe(0);
  });
}
