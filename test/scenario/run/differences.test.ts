// What a run reports when frames differ from the file.
import { describe, expect, test } from "bun:test";
import {
  ack,
  CLIENTS,
  close,
  type EntryLine,
  open,
  out,
  post,
  received,
  ScriptedRun,
  welcome,
} from "./scripted-run.ts";

describe("differences are reported", () => {
  const talk = [
    open("ann"),
    received("ann", welcome()),
    out("ann", post("m1")),
    received("ann", ack("m1", 1)),
  ];
  const ready = (
    lines: readonly EntryLine[] = talk,
    options: ConstructorParameters<typeof ScriptedRun>[1] = {},
  ) => {
    const table = new ScriptedRun(lines, options).opened("ann").receives("ann", welcome());
    table.takeActions();
    return table;
  };

  test("a frame with another value, once, and the run goes on", () => {
    const table = ready([...talk, out("ann", { type: "activity" })]).receives("ann", ack("m1", 2));
    expect(table.outcomes()).toEqual(["passed", "different"]);
    expect(table.runner.outcomes.get(3)).toMatchObject({
      differences: [{ path: "seq", expected: 1, received: 2 }],
    });
    expect(table.takeActions()[0]).toBe('ann {"type":"activity"}');
  });

  test("a frame that does not come in time: slow steps of the recording may be as slow again", () => {
    const table = ready([
      ...talk.slice(0, 2),
      out("ann", post("m1"), { t: 10 }),
      received("ann", ack("m1", 1), { t: 510 }),
    ]);
    table.advance(1499);
    expect(table.runner.isOver).toBe(false);
    table.advance(1);
    expect(table.runner.isOver).toBe(true);
    expect(table.runner.outcomes.get(3)).toMatchObject({
      kind: "missing",
      why: "it did not arrive within 1.5 s",
    });
  });

  test("an explicit time limit takes precedence", () => {
    const table = ready([...talk.slice(0, 3), received("ann", ack("m1", 1), { within: 0.2 })]).advance(200);
    expect(table.outcomes()).toEqual(["passed", "missing"]);
  });

  test("a frame of another id is not taken for the expected one, but reported as the received one", () => {
    const table = ready().receives("ann", ack("m7", 1)).advance(1000);
    expect(table.runner.unexpected).toMatchObject([{ client: "ann", what: { frame: { id: "m7" } } }]);
    expect(table.runner.outcomes.get(3)).toMatchObject({
      kind: "missing",
      hint: [{ path: "id", expected: "m1", received: "m7" }],
    });
  });

  test("frames that change places", () => {
    const two = [out("ann", post("m2")), received("ann", ack("m1", 1)), received("ann", ack("m2", 2))];
    const table = ready([...talk.slice(0, 3), ...two])
      .receives("ann", ack("m2", 2))
      .receives("ann", ack("m1", 1));
    expect(table.outcomes()).toEqual(["passed", "missing", "passed"]);
    expect(table.runner.unexpected).toMatchObject([{ what: { frame: { id: "m1" } } }]);
  });

  test("an unexpected frame; in a scenario it is ignored", () => {
    const extra = { type: "warning", code: "quota_low", message: "10 are left" };
    expect(ready().receives("ann", extra).runner.unexpected).toMatchObject([{ what: { frame: extra } }]);
    expect(ready(talk, { header: { parley: "scenario" } }).receives("ann", extra).runner.unexpected).toEqual(
      [],
    );
    expect(ready(talk, { header: { ignore: ["warning"] } }).receives("ann", extra).runner.unexpected).toEqual(
      [],
    );
    expect(ready().receives("ann", { type: "presence", user: "user2" }).runner.unexpected).toEqual([]);
  });

  test("no reply is expected to what was sent when the recording ended, only to what was sent before", () => {
    const lines = [...talk, out("ann", post("m2")), received("ann", ack("m2", 2)), out("ann", post("m3"))];
    const table = ready(lines).receives("ann", ack("m1", 1)).receives("ann", ack("m2", 2));
    table
      .receives("ann", ack("m3", 3))
      .receives("ann", { type: "message", seq: 3, id: "m3", from: "user1", text: "m3" });
    expect(table.runner.unexpected).toEqual([]);
    table.receives("ann", ack("m1", 1));
    expect(table.runner.unexpected).toMatchObject([{ what: { frame: { id: "m1" } } }]);
  });

  test("a read mark that was set when the recording ended is ignored, another one is reported", () => {
    const header = { clients: CLIENTS };
    const lines = [...talk, open("bob"), received("bob", welcome(1)), out("bob", { type: "read", seq: 1 })];
    const table = ready(lines, { header })
      .receives("ann", ack("m1", 1))
      .opened("bob")
      .receives("bob", welcome(1));
    table.receives("ann", { type: "read", user: "user2", seq: 1 });
    expect(table.runner.unexpected).toEqual([]);
    table.receives("ann", { type: "read", user: "user2", seq: 2 });
    expect(table.runner.unexpected).toHaveLength(1);
  });

  test("a frame that comes after the last expected one", () => {
    const table = ready().receives("ann", ack("m1", 1));
    expect(table.runner.isOver).toBe(false);
    table.receives("ann", { type: "pong", id: "parley-run-last-ping" }).receives("ann", ack("m1", 1));
    expect(table.advance(100).runner.isOver).toBe(true);
    expect(table.runner.unexpected).toHaveLength(1);
  });

  test("a close with another code; frames that should have come before it; and an unexpected close", () => {
    const closing = [...talk, close("ann", 4408)];
    const other = ready(closing).receives("ann", ack("m1", 1)).closed("ann", 4401);
    expect(other.runner.outcomes.get(4)).toMatchObject({
      kind: "different",
      differences: [{ path: "code", expected: 4408, received: 4401 }],
    });
    const early = ready(closing).closed("ann", 4408);
    expect(early.outcomes()).toEqual(["passed", "missing", "passed"]);
    expect(early.runner.outcomes.get(3)).toMatchObject({ why: "the connection was closed with 4408 before" });
    const surprise = ready().closed("ann", 1006);
    expect(surprise.runner.isOver).toBe(true);
    expect(surprise.runner.unexpected).toMatchObject([{ client: "ann", what: { close: 1006 } }]);
  });

  test("a close that comes before another client acts is accepted", () => {
    const lines = [
      ...talk,
      open("bob"),
      received("bob", welcome()),
      out("bob", post("b1")),
      close("ann", 4408),
    ];
    const table = ready(lines).receives("ann", ack("m1", 1)).closed("ann", 4408);
    table.opened("bob").receives("bob", welcome());
    expect(table.outcomes()).toEqual(["passed", "passed", "passed", "passed"]);
    expect(table.runner.unexpected).toEqual([]);
    expect(table.takeActions().at(-1)).toBe('bob {"type":"ping","id":"parley-run-last-ping"}');
  });

  test("a message sent at the end of its connection may come too late this time", () => {
    const cut = { client: "ann", dir: "fault", fault: { do: "cut" } };
    const lines = [...talk, cut, out("ann", { type: "activity" }), close("ann", 1006)];
    const table = ready(lines).receives("ann", ack("m1", 1)).closed("ann", 1006);
    expect(table.outcomes()).toEqual(["passed", "passed", "passed"]);
    expect(table.runner.unexpected).toEqual([]);
    expect(table.takeActions()).toEqual(["ann fault"]);
    expect(table.faulted().advance(100).runner.isOver).toBe(true);
  });

  test("a frame that cannot be sent, since its connection is closed", () => {
    const lines = [...talk.slice(0, 2), open("bob"), received("bob", welcome()), out("ann", post("m1"))];
    const table = ready(lines, { header: { unexpected: "pass" } });
    table.opened("bob").closed("ann", 1006).receives("bob", welcome());
    expect(table.runner.abort).toMatchObject({
      why: "its connection is closed",
      action: { entry: { line: 6 } },
    });
  });

  test("a fault that the server refuses", () => {
    const table = ready(
      [...talk.slice(0, 2), { client: "ann", dir: "fault", fault: { do: "cut" } }, close("ann", 1006)],
      {},
    );
    table.faulted("HTTP 404");
    expect(table.runner.abort?.why).toBe("HTTP 404");
    expect(table.outcomes()).toEqual(["passed"]);
  });

  test("a connection that is never accepted", () => {
    const table = new ScriptedRun([open("ann"), open("bob"), received("bob", welcome())])
      .opened("ann")
      .advance(1000);
    expect(table.runner.abort).toMatchObject({
      why: "it was not accepted within 1 s",
      action: { entry: { line: 2 } },
    });
  });
});
