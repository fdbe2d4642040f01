import { describe, expect, test } from "bun:test";
import {
  type Direction,
  type FrameAnnotations,
  typeOf,
  type WireEvent,
} from "../../../src/console/wire/frame.ts";
import {
  type ConnectionStats,
  createFrameAnalyzer,
  MAX_WAITING,
} from "../../../src/console/wire/frame-analyzer.ts";

const T0 = 1_800_000_000_000;

describe("order", () => {
  test("D1 messages one after the other have no mark", () => {
    expect(marks([welcome({ seq: 7 }), message(8), message(9)])).toEqual(["", "", ""]);
  });

  test("D1 a gap is marked where it shows, and a late message differs from a repeated one", () => {
    const seen = [
      welcome({ seq: 7 }),
      message(8),
      message(12),
      message(10),
      message(10),
      message(9),
      message(12),
    ];
    expect(marks(seen)).toEqual(["", "", "gap", "late", "repeat", "late", "repeat"]);
    expect(words(seen)[2]).toContain("#9 to #11 are missing");
  });

  test("D4 a resumed connection continues where the last one ended: no gap, and no message twice", () => {
    const back = [welcome({ seq: 9, resumed: true }), message(9), message(10)];
    expect(marks([welcome({ seq: 7 }), message(8), close(1006), ...back])).toEqual([
      "",
      "",
      "close",
      "",
      "",
      "",
    ]);
    expect(
      marks([welcome({ seq: 7 }), message(8), welcome({ seq: 10, resumed: true }), message(10)])[3],
    ).toBe("gap");
    expect(marks([welcome({ seq: 7 }), message(8), welcome({ seq: 8, resumed: true }), message(8)])[3]).toBe(
      "repeat",
    );
  });

  test("D5 lost messages are reported, and the messages after them are no gap", () => {
    const lost = welcome({ seq: 9, resumed: true, lost: { first: 3, last: 6 } });
    expect(marks([welcome({ seq: 2 }), lost, message(7), message(8)])).toEqual(["", "lost", "", ""]);
  });

  test("MX1 each conversation of a user's socket has its own numbers", () => {
    const opened = (conversation: string, seq: number, more = {}) =>
      got({ type: "opened", conversation, seq, epoch: "e1", resumed: false, ...more }, 0);
    const said = (conversation: string, seq: number) =>
      got({ type: "message", conversation, seq, id: "m" }, 0);
    const user = got({ type: "welcome", connection: "k1", inactivity: { timeout: 300, warning: 30 } }, 0);
    const seen = [user, opened("a", 3), opened("b", 9), said("a", 4), said("b", 10), said("a", 6)];
    expect(marks(seen)).toEqual(["", "", "", "", "", "gap"]);
    // Messages that were not asked for at a return are not missing.
    const back = opened("b", 80, { resumed: true, skipped: { first: 11, last: 30 } });
    expect(marks([...seen, back, said("b", 31)]).slice(-2)).toEqual(["", ""]);
  });

  test("D5 another epoch is marked, and seqs begin again without a repeat", () => {
    const seen = [welcome({ seq: 7 }), message(8), welcome({ seq: 0, epoch: "e2" }), message(1)];
    expect(marks(seen)).toEqual(["", "", "epoch", ""]);
    expect(after(seen).vitals.seq).toBe(1);
  });
});

describe("replies", () => {
  test("the round trip is from the request to its own reply, whatever comes in between", () => {
    const { notes } = after([
      sent({ type: "message", id: "a", text: "x" }, 0),
      sent({ type: "message", id: "b", text: "x" }, 5),
      sent({ type: "ping", id: "a" }, 6),
      got({ type: "ack", id: "b", seq: 2 }, 20),
      got({ type: "pong", id: "a" }, 26),
      got({ type: "ack", id: "a", seq: 1 }, 30),
      got({ type: "ack", id: "a", seq: 1 }, 40),
    ]);
    expect(notes.map(({ roundTrip }) => roundTrip)).toEqual([
      ...[undefined, undefined, undefined],
      15,
      20,
      30,
      undefined,
    ]);
  });

  test("an error belongs to the request that it names, and its mark shows that", () => {
    const { notes } = after([
      sent({ type: "history", id: "h", limit: 999 }, 0),
      got({ type: "error", code: "invalid", message: "`limit`: too many.", id: "h" }, 7),
    ]);
    expect(notes[1]).toEqual({
      roundTrip: 7,
      marks: [{ kind: "refused", severity: "error", text: "invalid: `limit`: too many." }],
    });
  });

  test("a pong without an id belongs to the last ping without one", () => {
    const { notes } = after([sent({ type: "ping" }, 0), got({ type: "pong" }, 3)]);
    expect(notes[1]?.roundTrip).toBe(3);
  });

  test("D3 the same id sent again is marked, and so is the ack of a duplicate", () => {
    const again = sent({ type: "message", id: "a", text: "x" }, 5);
    const ack = got({ type: "ack", id: "a", seq: 1, duplicate: true }, 9);
    expect(marks([sent({ type: "message", id: "a", text: "x" }, 0), again, ack])).toEqual([
      "",
      "again",
      "duplicate",
    ]);
  });

  test("a close is shown with its reason and with advice", () => {
    const [text] = words([close(4408, "inactive")]);
    expect(text).toContain("4408 inactive");
    expect(text).toContain("Reconnect when you are back");
  });

  test("B1 requests without a reply are not kept for ever", () => {
    const analyst = createFrameAnalyzer();
    for (let index = 0; index <= MAX_WAITING; index++)
      analyst.analyze(sent({ type: "ping", id: `p${index}` }, index));
    expect(analyst.analyze(got({ type: "pong", id: "p0" }, 1)).roundTrip).toBeUndefined();
    expect(analyst.analyze(got({ type: "pong", id: "p1" }, 11)).roundTrip).toBe(10);
  });
});

describe("vitals", () => {
  test("I1 the time to the idle close counts from user activity, not from software's", () => {
    const opened = welcome({ seq: 0, timeout: 300 });
    expect(after([opened]).vitals.idleAt).toBe(T0 + 300_000);
    const spoke = [
      opened,
      sent({ type: "typing", active: true }, 10_000),
      sent({ type: "ping" }, 20_000),
      message(1),
    ];
    expect(after(spoke).vitals.idleAt).toBe(T0 + 310_000);
    expect(after([...spoke, close(1006)]).vitals.idleAt).toBeUndefined();
    expect(after([welcome({ seq: 0, timeout: 0 })]).vitals.idleAt).toBeUndefined();
  });

  test("the newest seq, the last ack and the name of the connection are available", () => {
    const { vitals } = after([
      welcome({ seq: 3 }),
      sent({ type: "message", id: "a", text: "x" }, 100),
      got({ type: "ack", id: "a", seq: 4 }, 104),
    ]);
    expect(vitals).toMatchObject({ seq: 4, connection: "k1", ack: { took: 4, at: T0 + 104 } });
  });
});

test("an invalid frame is read without harm", () => {
  for (const text of [
    "",
    "null",
    "[1]",
    '{"type":5}',
    '{"type":"message"}',
    '{"type":"welcome","lost":1}',
    '{"type":"__proto__"}',
  ])
    for (const direction of ["in", "out"] as const)
      expect(createFrameAnalyzer().analyze(seen(direction, text, 0)).marks).toBeArray();
});

function after(all: readonly WireEvent[]): { notes: readonly FrameAnnotations[]; vitals: ConnectionStats } {
  const analyst = createFrameAnalyzer();
  return { notes: all.map((one) => analyst.analyze(one)), vitals: analyst.stats() };
}

function marks(all: readonly WireEvent[]): string[] {
  return after(all).notes.map((notes) => notes.marks.map(({ kind }) => kind).join(" "));
}

function words(all: readonly WireEvent[]): string[] {
  return after(all).notes.map((notes) => notes.marks.map(({ text }) => text).join(" "));
}

function seen(direction: Direction, text: string, at: number): WireEvent {
  return { client: "c1", at: T0 + at, direction, type: typeOf(text), bytes: text.length, text };
}

function sent(frame: object, at: number): WireEvent {
  return seen("out", JSON.stringify(frame), at);
}

function got(frame: object, at: number): WireEvent {
  return seen("in", JSON.stringify(frame), at);
}

function message(seq: number): WireEvent {
  return got({ type: "message", seq, id: `m${seq}`, from: "ann", text: "x", at: T0 }, 0);
}

function welcome({
  timeout = 300,
  ...fields
}: {
  seq: number;
  timeout?: number;
  [field: string]: unknown;
}): WireEvent {
  const inactivity = { timeout, warning: 30 };
  return got({ type: "welcome", connection: "k1", epoch: "e1", resumed: false, inactivity, ...fields }, 0);
}

function close(code: number, reason = ""): WireEvent {
  return {
    client: "c1",
    at: T0,
    direction: "line",
    type: "close",
    bytes: 0,
    text: "",
    close: { code, reason },
  };
}
