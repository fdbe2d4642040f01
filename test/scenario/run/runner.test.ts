// The actions of a run, and their order.
import { describe, expect, test } from "bun:test";
import {
  ack,
  close,
  type EntryLine,
  open,
  out,
  post,
  received,
  ScriptedRun,
  welcome,
} from "./scripted-run.ts";

describe("a run", () => {
  test("takes the next step once every earlier frame was received, by all clients", () => {
    const table = new ScriptedRun([
      open("ann"),
      received("ann", welcome()),
      open("bob"),
      received("bob", welcome()),
      out("ann", post("m1")),
      received("ann", ack("m1", 1)),
      received("bob", { type: "message", seq: 1, id: "m1" }),
      out("bob", { type: "read", seq: 1 }),
    ]);
    expect(table.takeActions()).toEqual(["ann opens"]);
    table.opened("ann").receives("ann", welcome());
    expect(table.takeActions()).toEqual(["bob opens"]);
    table.opened("bob").receives("bob", welcome());
    expect(table.takeActions()).toEqual(['ann {"type":"message","id":"m1","text":"m1"}']);
    expect(table.receives("ann", ack("m1", 1)).takeActions()).toEqual([]);
    expect(table.receives("bob", { type: "message", seq: 1, id: "m1" }).takeActions()).toEqual([
      'bob {"type":"read","seq":1}',
      'ann {"type":"ping","id":"parley-run-last-ping"}',
      'bob {"type":"ping","id":"parley-run-last-ping"}',
    ]);
    for (const client of ["ann", "bob"]) table.receives(client, { type: "pong", id: "parley-run-last-ping" });
    expect(table.runner.isOver).toBe(false);
    expect(table.advance(100).runner.isOver).toBe(true);
    expect(table.outcomes()).toEqual(["passed", "passed", "passed", "passed"]);
    expect(table.runner.unexpected).toEqual([]);
  });

  test("sends simultaneous messages of several clients in the order in which they were stored", () => {
    const table = new ScriptedRun([
      open("ann"),
      open("bob"),
      received("ann", welcome()),
      received("bob", welcome()),
      out("ann", post("a1")),
      out("ann", post("a2")),
      out("bob", post("b1")),
      received("bob", ack("b1", 1)),
      received("ann", ack("a1", 2)),
      received("ann", ack("a2", 3)),
    ]);
    table.opened("ann").receives("ann", welcome()).opened("bob").receives("bob", welcome());
    expect(table.takeActions().slice(2)).toEqual(['bob {"type":"message","id":"b1","text":"b1"}']);
    expect(table.receives("bob", ack("b1", 1)).takeActions()).toHaveLength(2);
    expect(table.receives("ann", ack("a1", 2)).receives("ann", ack("a2", 3)).outcomes()).toEqual(
      Array.from({ length: 5 }, () => "passed"),
    );
  });

  test("sends frames before `welcome`, if the file has them there (W7)", () => {
    const table = new ScriptedRun([
      open("ann"),
      out("ann", post("m1")),
      received("ann", welcome()),
      received("ann", ack("m1", 1)),
    ]);
    expect(table.opened("ann").takeActions()).toEqual([
      "ann opens",
      'ann {"type":"message","id":"m1","text":"m1"}',
    ]);
  });

  test("asks for a fault when its connection is accepted, not before: the server has no id for it", () => {
    const table = new ScriptedRun([open("ann"), { client: "ann", dir: "fault", fault: { do: "cut" } }], {
      header: { parley: "scenario" },
    });
    expect(table.opened("ann").takeActions()).toEqual(["ann opens"]);
    expect(table.receives("ann", welcome()).takeActions()).toEqual(["ann fault"]);
  });

  test("lets no client send before a connection that the file opens earlier is open", () => {
    const table = new ScriptedRun([open("ann"), open("bob"), out("ann", post("m1"))], {
      header: { parley: "scenario" },
    });
    expect(table.opened("ann").takeActions()).toEqual(["ann opens"]);
    expect(table.receives("ann", welcome()).takeActions()).toEqual(["bob opens"]);
    expect(table.opened("bob").takeActions()).toEqual([]);
    expect(table.receives("bob", welcome()).takeActions()).toHaveLength(1);
  });

  test("resumes at the conversation's position in this run", () => {
    const back = { after: 42, epoch: "e" };
    const table = new ScriptedRun([
      open("ann"),
      received("ann", welcome(41)),
      out("ann", post("s")),
      received("ann", { type: "message", seq: 42, id: "s", from: "user1" }),
      out("ann", { type: "read", seq: 42 }),
      close("ann", 1006),
      open("ann", back),
      received("ann", welcome(42, { resumed: true })),
      close("ann", 1000),
      open("ann", { resume: true }),
    ]);
    table.opened("ann").receives("ann", welcome(7, { epoch: "x" }));
    table.receives("ann", { type: "message", seq: 8, id: "s", from: "user1" }).closed("ann", 1006);
    expect(table.takeActions().slice(2)).toEqual(['ann {"type":"read","seq":8}', "ann#2 opens after 8"]);
    table.opened("ann", 2).receives("ann", welcome(8, { epoch: "x", resumed: true }), 2);
    expect(table.takeActions()).toEqual(["ann#2 close"]);
    expect(table.closed("ann", 1000, 2).takeActions()).toEqual(["ann#3 opens after 8"]);
    expect(table.outcomes()).toEqual(["passed", "passed", "passed", "passed"]);
  });

  test("renames the ids of messages if a conversation may have had them before", () => {
    const lines = [
      open("ann"),
      received("ann", welcome()),
      out("ann", post("m1")),
      received("ann", ack("m1", 1)),
    ];
    const table = new ScriptedRun(lines, { cast: { idSuffix: "run" } });
    table.opened("ann").receives("ann", welcome());
    expect(table.takeActions().at(-1)).toBe('ann {"type":"message","id":"m1.run0","text":"m1"}');
    expect(table.receives("ann", ack("m1.run0", 1)).outcomes()).toEqual(["passed", "passed"]);
  });
});

describe("the pace of a run", () => {
  const talk = (t?: (index: number) => number): EntryLine[] => [
    open("ann", { t: 0 }),
    received("ann", welcome(), { t: 1 }),
    ...Array.from({ length: 60 }, (_, index) => out("ann", { type: "activity" }, t ? { t: t(index) } : {})),
  ];
  const sentAtOnce = (table: ScriptedRun) =>
    table.opened("ann").receives("ann", welcome()).takeActions().length - 1;

  test("M2 is below the flood limit of a server, even if the recording was slow", () => {
    const table = new ScriptedRun(talk((index) => 2 + index * 1000));
    expect(sentAtOnce(table)).toBe(30);
    expect(table.advance(1000).takeActions()).toHaveLength(18);
    expect(table.runner.wakeAt).toBeWithin(table.now, table.now + 100);
  });

  test("is a flood if the recording was one", () => {
    const table = new ScriptedRun(talk(() => 2));
    expect(sentAtOnce(table) + table.advance(2).takeActions().length).toBe(60 + 1);
    expect(sentAtOnce(new ScriptedRun(talk()))).toBe(60 + 1);
  });

  test("is the recorded one with `pace`", () => {
    const table = new ScriptedRun(
      talk((index) => 2 + index * 1000),
      { pace: true },
    );
    expect(table.takeActions()).toEqual(["ann opens"]);
    table.opened("ann").receives("ann", welcome());
    expect(table.advance(1).takeActions()).toEqual([]);
    expect(table.advance(1).takeActions()).toHaveLength(1);
    expect(table.advance(1000).takeActions()).toHaveLength(1);
  });
});
