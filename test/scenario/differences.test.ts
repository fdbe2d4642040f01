// What a run says of what comes otherwise than the file has it.
import { describe, expect, test } from "bun:test";
import { ack, CLIENTS, close, heard, type Line, open, out, post, Table, welcome } from "./table.ts";

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
