// What a run does, and when.
import { describe, expect, test } from "bun:test";
import { ack, close, heard, type Line, open, out, post, Table, welcome } from "./table.ts";

describe("a run", () => {
  test("does what comes next once everything before it was heard, by all clients", () => {
    const table = new Table([
      open("ann"),
      heard("ann", welcome()),
      open("bob"),
      heard("bob", welcome()),
      out("ann", post("m1")),
      heard("ann", ack("m1", 1)),
      heard("bob", { type: "message", seq: 1, id: "m1" }),
      out("bob", { type: "read", seq: 1 }),
    ]);
    expect(table.did()).toEqual(["ann opens"]);
    table.opened("ann").came("ann", welcome());
    expect(table.did()).toEqual(["bob opens"]);
    table.opened("bob").came("bob", welcome());
    expect(table.did()).toEqual(['ann {"type":"message","id":"m1","text":"m1"}']);
    expect(table.came("ann", ack("m1", 1)).did()).toEqual([]);
    expect(table.came("bob", { type: "message", seq: 1, id: "m1" }).did()).toEqual([
      'bob {"type":"read","seq":1}',
      'ann {"type":"ping","id":"parley-run-last-ping"}',
      'bob {"type":"ping","id":"parley-run-last-ping"}',
    ]);
    for (const client of ["ann", "bob"]) table.came(client, { type: "pong", id: "parley-run-last-ping" });
    expect(table.play.isOver).toBe(false);
    expect(table.passes(100).play.isOver).toBe(true);
    expect(table.outcomes()).toEqual(["passed", "passed", "passed", "passed"]);
    expect(table.play.unexpected).toEqual([]);
  });

  test("sends messages of several clients, which were sent at once, in the order in which they were stored", () => {
    const table = new Table([
      open("ann"),
      open("bob"),
      heard("ann", welcome()),
      heard("bob", welcome()),
      out("ann", post("a1")),
      out("ann", post("a2")),
      out("bob", post("b1")),
      heard("bob", ack("b1", 1)),
      heard("ann", ack("a1", 2)),
      heard("ann", ack("a2", 3)),
    ]);
    table.opened("ann").came("ann", welcome()).opened("bob").came("bob", welcome());
    expect(table.did().slice(2)).toEqual(['bob {"type":"message","id":"b1","text":"b1"}']);
    expect(table.came("bob", ack("b1", 1)).did()).toHaveLength(2);
    expect(table.came("ann", ack("a1", 2)).came("ann", ack("a2", 3)).outcomes()).toEqual(
      Array.from({ length: 5 }, () => "passed"),
    );
  });

  test("sends frames before `welcome`, if that is where they stand (W7)", () => {
    const table = new Table([
      open("ann"),
      out("ann", post("m1")),
      heard("ann", welcome()),
      heard("ann", ack("m1", 1)),
    ]);
    expect(table.opened("ann").did()).toEqual(["ann opens", 'ann {"type":"message","id":"m1","text":"m1"}']);
  });

  test("asks for a fault when its line is let in, not before: the server has no name for it", () => {
    const table = new Table([open("ann"), { client: "ann", dir: "fault", fault: { do: "cut" } }], {
      header: { parley: "scenario" },
    });
    expect(table.opened("ann").did()).toEqual(["ann opens"]);
    expect(table.came("ann", welcome()).did()).toEqual(["ann fault"]);
  });

  test("lets nobody speak before a line that the file opens earlier is there", () => {
    const table = new Table([open("ann"), open("bob"), out("ann", post("m1"))], {
      header: { parley: "scenario" },
    });
    expect(table.opened("ann").did()).toEqual(["ann opens"]);
    expect(table.came("ann", welcome()).did()).toEqual(["bob opens"]);
    expect(table.opened("bob").did()).toEqual([]);
    expect(table.came("bob", welcome()).did()).toHaveLength(1);
  });

  test("comes back to where the conversation is in this run", () => {
    const back = { after: 42, epoch: "e" };
    const table = new Table([
      open("ann"),
      heard("ann", welcome(41)),
      out("ann", post("s")),
      heard("ann", { type: "message", seq: 42, id: "s", from: "user1" }),
      out("ann", { type: "read", seq: 42 }),
      close("ann", 1006),
      open("ann", back),
      heard("ann", welcome(42, { resumed: true })),
      close("ann", 1000),
      open("ann", { resume: true }),
    ]);
    table.opened("ann").came("ann", welcome(7, { epoch: "x" }));
    table.came("ann", { type: "message", seq: 8, id: "s", from: "user1" }).closed("ann", 1006);
    expect(table.did().slice(2)).toEqual(['ann {"type":"read","seq":8}', "ann#2 opens after 8"]);
    table.opened("ann", 2).came("ann", welcome(8, { epoch: "x", resumed: true }), 2);
    expect(table.did()).toEqual(["ann#2 close"]);
    expect(table.closed("ann", 1000, 2).did()).toEqual(["ann#3 opens after 8"]);
    expect(table.outcomes()).toEqual(["passed", "passed", "passed", "passed"]);
  });

  test("renames the ids of messages where a conversation may have had them before", () => {
    const lines = [open("ann"), heard("ann", welcome()), out("ann", post("m1")), heard("ann", ack("m1", 1))];
    const table = new Table(lines, { cast: { idSuffix: "run" } });
    table.opened("ann").came("ann", welcome());
    expect(table.did().at(-1)).toBe('ann {"type":"message","id":"m1.run0","text":"m1"}');
    expect(table.came("ann", ack("m1.run0", 1)).outcomes()).toEqual(["passed", "passed"]);
  });
});

describe("the pace of a run", () => {
  const talk = (t?: (index: number) => number): Line[] => [
    open("ann", { t: 0 }),
    heard("ann", welcome(), { t: 1 }),
    ...Array.from({ length: 60 }, (_, index) => out("ann", { type: "activity" }, t ? { t: t(index) } : {})),
  ];
  const sentAtOnce = (table: Table) => table.opened("ann").came("ann", welcome()).did().length - 1;

  test("M2 is below what a server takes for a flood, though the recording was slow", () => {
    const table = new Table(talk((index) => 2 + index * 1000));
    expect(sentAtOnce(table)).toBe(30);
    expect(table.passes(1000).did()).toHaveLength(18);
    expect(table.play.wakeAt).toBeWithin(table.now, table.now + 100);
  });

  test("is a flood where the recording was one", () => {
    const table = new Table(talk(() => 2));
    expect(sentAtOnce(table) + table.passes(2).did().length).toBe(60 + 1);
    expect(sentAtOnce(new Table(talk()))).toBe(60 + 1);
  });

  test("is the recorded one with `pace`", () => {
    const table = new Table(
      talk((index) => 2 + index * 1000),
      { pace: true },
    );
    expect(table.did()).toEqual(["ann opens"]);
    table.opened("ann").came("ann", welcome());
    expect(table.passes(1).did()).toEqual([]);
    expect(table.passes(1).did()).toHaveLength(1);
    expect(table.passes(1000).did()).toHaveLength(1);
  });
});
