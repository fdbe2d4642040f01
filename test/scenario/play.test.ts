import { describe, expect, test } from "bun:test";
import type { Effect } from "../../src/scenario/effects.ts";
import { type Cast, Names } from "../../src/scenario/names.ts";
import { planRun } from "../../src/scenario/plan.ts";
import { Play, type PlayOptions } from "../../src/scenario/play.ts";
import { readRecording } from "../../src/scenario/read.ts";
import type { Frame } from "../../src/scenario/recording.ts";

const CLIENTS = ["ann", "bob"].map((name, index) => ({
  name,
  user: `user${index + 1}`,
  conversation: "lobby",
}));

type Line = Readonly<Record<string, unknown>>;

const open = (client: string, more: Line = {}): Line => ({ client, dir: "line", event: "open", ...more });
const close = (client: string, code: number, more: Line = {}): Line => ({
  client,
  dir: "line",
  event: "close",
  code,
  ...more,
});
const out = (client: string, frame: Frame, more: Line = {}): Line => ({ client, dir: "out", frame, ...more });
const heard = (client: string, frame: Frame, more: Line = {}): Line => ({
  client,
  dir: "in",
  frame,
  ...more,
});
const welcome = (seq = 0, more: Frame = {}): Frame => ({
  type: "welcome",
  connection: "c",
  seq,
  epoch: "e",
  ...more,
});
const post = (id: string): Frame => ({ type: "message", id, text: id });
const ack = (id: string, seq: number): Frame => ({ type: "ack", id, seq, at: 1, quota: {} });

/** A run of `lines`, told by hand what happens on its lines. */
class Table {
  now = 1000;
  readonly play: Play;
  readonly done: Effect[] = [];

  constructor(
    lines: readonly Line[],
    {
      header = {},
      cast = {},
      ...options
    }: { header?: Line; cast?: Partial<Cast> } & Partial<PlayOptions> = {},
  ) {
    const first = { parley: "recording", version: 1, clients: CLIENTS, ...header };
    const text = [first, ...lines].map((line) => JSON.stringify(line)).join("\n");
    const { recording, problems } = readRecording(text);
    if (recording === undefined) throw new Error(JSON.stringify(problems));
    const planned = planRun(recording);
    if (planned.plan === undefined) throw new Error(JSON.stringify(planned.problems));
    const names = new Names(recording, { users: new Map(), conversations: new Map(), ...cast });
    this.play = new Play(planned.plan, names, { patience: 1000, pace: false, ...options });
    this.take(this.play.start(this.now));
  }

  /** What was done since it was asked last, in a few words each. */
  did(): string[] {
    return this.done.splice(0).map((effect) => {
      const { client, number } = effect.line;
      const who = number === 1 ? client : `${client}#${number}`;
      if (effect.do === "send") return `${who} ${effect.data}`;
      if (effect.do === "open")
        return `${who} opens${effect.after === undefined ? "" : ` after ${effect.after}`}`;
      return `${who} ${effect.do}`;
    });
  }

  opened(client: string, number = 1): this {
    this.take(this.play.opened(this.line(client, number), this.now));
    return this;
  }

  came(client: string, frame: Frame, number = 1): this {
    this.take(this.play.received(this.line(client, number), JSON.stringify(frame), this.now));
    return this;
  }

  closed(client: string, code: number, number = 1): this {
    this.take(this.play.closed(this.line(client, number), code, "", this.now));
    return this;
  }

  passes(milliseconds: number): this {
    this.now += milliseconds;
    this.take(this.play.tick(this.now));
    return this;
  }

  faulted(problem?: string): this {
    const action = this.faults.shift()!;
    this.take(this.play.faulted(action, problem, this.now));
    return this;
  }

  /** What became of each expectation, in the order of the file. */
  outcomes(): string[] {
    return [...this.play.outcomes].sort(([a], [b]) => a - b).map(([, { is }]) => is);
  }

  private readonly opening = new Map<string, Effect["line"]>();
  private readonly faults: Parameters<Play["faulted"]>[0][] = [];

  private take(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.done.push(effect);
      if (effect.do === "open") this.opening.set(`${effect.line.client}${effect.line.number}`, effect.line);
      if (effect.do === "fault") this.faults.push(effect.action);
    }
  }

  private line(client: string, number: number): Effect["line"] {
    return this.opening.get(`${client}${number}`)!;
  }
}

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

describe("what differs is said", () => {
  const talk = [open("ann"), heard("ann", welcome()), out("ann", post("m1")), heard("ann", ack("m1", 1))];
  const ready = (lines: readonly Line[] = talk, options: ConstructorParameters<typeof Table>[1] = {}) => {
    const table = new Table(lines, options).opened("ann").came("ann", welcome());
    table.did();
    return table;
  };

  test("a frame with another value, once, and the run goes on", () => {
    const table = ready([...talk, out("ann", { type: "activity" })]).came("ann", ack("m1", 2));
    expect(table.outcomes()).toEqual(["passed", "different"]);
    expect(table.play.outcomes.get(3)).toMatchObject({
      differences: [{ path: "seq", expected: 1, came: 2 }],
    });
    expect(table.did()[0]).toBe('ann {"type":"activity"}');
  });

  test("a frame that does not come in time: what took long in the recording may take as long again", () => {
    const table = ready([
      ...talk.slice(0, 2),
      out("ann", post("m1"), { t: 10 }),
      heard("ann", ack("m1", 1), { t: 510 }),
    ]);
    table.passes(1499);
    expect(table.play.isOver).toBe(false);
    table.passes(1);
    expect(table.play.isOver).toBe(true);
    expect(table.play.outcomes.get(3)).toMatchObject({ is: "missing", why: "it did not come within 1.5 s" });
  });

  test("a time of its own wins", () => {
    const table = ready([...talk.slice(0, 3), heard("ann", ack("m1", 1), { within: 0.2 })]).passes(200);
    expect(table.outcomes()).toEqual(["passed", "missing"]);
  });

  test("a frame of another id is not taken for the expected one, but shown as what came instead", () => {
    const table = ready().came("ann", ack("m7", 1)).passes(1000);
    expect(table.play.unexpected).toMatchObject([{ client: "ann", what: { frame: { id: "m7" } } }]);
    expect(table.play.outcomes.get(3)).toMatchObject({
      is: "missing",
      hint: [{ path: "id", expected: "m1", came: "m7" }],
    });
  });

  test("frames that change places", () => {
    const two = [out("ann", post("m2")), heard("ann", ack("m1", 1)), heard("ann", ack("m2", 2))];
    const table = ready([...talk.slice(0, 3), ...two])
      .came("ann", ack("m2", 2))
      .came("ann", ack("m1", 1));
    expect(table.outcomes()).toEqual(["passed", "missing", "passed"]);
    expect(table.play.unexpected).toMatchObject([{ what: { frame: { id: "m1" } } }]);
  });

  test("a frame that nothing expects; in a scenario it is passed over", () => {
    const extra = { type: "warning", code: "quota_low", message: "10 are left" };
    expect(ready().came("ann", extra).play.unexpected).toMatchObject([{ what: { frame: extra } }]);
    expect(ready(talk, { header: { parley: "scenario" } }).came("ann", extra).play.unexpected).toEqual([]);
    expect(ready(talk, { header: { ignore: ["warning"] } }).came("ann", extra).play.unexpected).toEqual([]);
    expect(ready().came("ann", { type: "presence", user: "user2" }).play.unexpected).toEqual([]);
  });

  test("an answer to what was sent when the recording ended is none, but one to what was sent before", () => {
    const lines = [...talk, out("ann", post("m2")), heard("ann", ack("m2", 2)), out("ann", post("m3"))];
    const table = ready(lines).came("ann", ack("m1", 1)).came("ann", ack("m2", 2));
    table
      .came("ann", ack("m3", 3))
      .came("ann", { type: "message", seq: 3, id: "m3", from: "user1", text: "m3" });
    expect(table.play.unexpected).toEqual([]);
    table.came("ann", ack("m1", 1));
    expect(table.play.unexpected).toMatchObject([{ what: { frame: { id: "m1" } } }]);
  });

  test("a read mark that was set when the recording ended is none, another one is", () => {
    const header = { clients: CLIENTS };
    const lines = [...talk, open("bob"), heard("bob", welcome(1)), out("bob", { type: "read", seq: 1 })];
    const table = ready(lines, { header }).came("ann", ack("m1", 1)).opened("bob").came("bob", welcome(1));
    table.came("ann", { type: "read", user: "user2", seq: 1 });
    expect(table.play.unexpected).toEqual([]);
    table.came("ann", { type: "read", user: "user2", seq: 2 });
    expect(table.play.unexpected).toHaveLength(1);
  });

  test("a frame that comes after the last one that was expected", () => {
    const table = ready().came("ann", ack("m1", 1));
    expect(table.play.isOver).toBe(false);
    table.came("ann", { type: "pong", id: "parley-run-last-ping" }).came("ann", ack("m1", 1));
    expect(table.passes(100).play.isOver).toBe(true);
    expect(table.play.unexpected).toHaveLength(1);
  });

  test("a close with another code; what should have come before it; and one that nothing expects", () => {
    const closing = [...talk, close("ann", 4408)];
    const other = ready(closing).came("ann", ack("m1", 1)).closed("ann", 4401);
    expect(other.play.outcomes.get(4)).toMatchObject({
      is: "different",
      differences: [{ path: "code", expected: 4408, came: 4401 }],
    });
    const early = ready(closing).closed("ann", 4408);
    expect(early.outcomes()).toEqual(["passed", "missing", "passed"]);
    expect(early.play.outcomes.get(3)).toMatchObject({ why: "the line was closed with 4408 before" });
    const surprise = ready().closed("ann", 1006);
    expect(surprise.play.isOver).toBe(true);
    expect(surprise.play.unexpected).toMatchObject([{ client: "ann", what: { close: 1006 } }]);
  });

  test("a close that comes before somebody else does something else is none", () => {
    const lines = [...talk, open("bob"), heard("bob", welcome()), out("bob", post("b1")), close("ann", 4408)];
    const table = ready(lines).came("ann", ack("m1", 1)).closed("ann", 4408);
    table.opened("bob").came("bob", welcome());
    expect(table.outcomes()).toEqual(["passed", "passed", "passed", "passed"]);
    expect(table.play.unexpected).toEqual([]);
    expect(table.did().at(-1)).toBe('bob {"type":"ping","id":"parley-run-last-ping"}');
  });

  test("what a client said into the end of its line may come too late this time", () => {
    const cut = { client: "ann", dir: "fault", fault: { do: "cut" } };
    const lines = [...talk, cut, out("ann", { type: "activity" }), close("ann", 1006)];
    const table = ready(lines).came("ann", ack("m1", 1)).closed("ann", 1006);
    expect(table.outcomes()).toEqual(["passed", "passed", "passed"]);
    expect(table.play.unexpected).toEqual([]);
    expect(table.did()).toEqual(["ann fault"]);
    expect(table.faulted().passes(100).play.isOver).toBe(true);
  });

  test("something that cannot be sent, since its line is closed", () => {
    const lines = [...talk.slice(0, 2), open("bob"), heard("bob", welcome()), out("ann", post("m1"))];
    const table = ready(lines, { header: { unexpected: "pass" } });
    table.opened("bob").closed("ann", 1006).came("bob", welcome());
    expect(table.play.halt).toMatchObject({ why: "its line is closed", action: { entry: { line: 6 } } });
  });

  test("a fault that the server will not make", () => {
    const table = ready(
      [...talk.slice(0, 2), { client: "ann", dir: "fault", fault: { do: "cut" } }, close("ann", 1006)],
      {},
    );
    table.faulted("HTTP 404");
    expect(table.play.halt?.why).toBe("HTTP 404");
    expect(table.outcomes()).toEqual(["passed"]);
  });

  test("a line that is never let in", () => {
    const table = new Table([open("ann"), open("bob"), heard("bob", welcome())]).opened("ann").passes(1000);
    expect(table.play.halt).toMatchObject({
      why: "it was not let in within 1 s",
      action: { entry: { line: 2 } },
    });
  });
});

test("what cannot be planned is named with its line", () => {
  const header = JSON.stringify({ parley: "scenario", version: 1, clients: CLIENTS });
  const lines = [
    out("ann", post("m1")),
    open("ann"),
    open("ann"),
    close("ann", 1000),
    heard("ann", ack("m1", 1)),
  ];
  const { recording } = readRecording([header, ...lines.map((line) => JSON.stringify(line))].join("\n"));
  expect(planRun(recording!).problems.map(({ line, message }) => `${line} ${message.split(";")[0]}`)).toEqual(
    [
      "2 ann has no open line here",
      "4 ann opens a line while the one before is open",
      "6 ann has no open line here",
    ],
  );
});
