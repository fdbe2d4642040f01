import { describe, expect, test } from "bun:test";
import {
  begin,
  hear,
  MAX_OUTCOMES,
  MAX_REMARKS,
  type Outcome,
  remark,
} from "../../../src/console/panel/faults/outcomes.ts";
import { closeChoices } from "../../../src/console/panel/faults/settings.ts";
import { createAnalyst } from "../../../src/console/wire/analysis.ts";
import { type Direction, type Frame, type Seen, typeOf } from "../../../src/console/wire/frame.ts";
import { readFaultRequest } from "../../../src/core/faults.ts";

/** What a client's wire shows, one after the other, as the page keeps it. */
function wire(client = "c1") {
  const analyst = createAnalyst();
  let number = 0;
  return (direction: Direction, content: object | string, rest: Partial<Seen> = {}): Frame => {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    const type = direction === "line" ? text.split(" ")[0]! : typeOf(text);
    const seen: Seen = { client, at: 1000 + number, direction, type, bytes: text.length, text, ...rest };
    return { ...seen, number: ++number, notes: analyst.note(seen) };
  };
}

function words(outcomes: readonly Outcome[]): readonly (readonly string[])[] {
  return outcomes.map(({ seen }) => seen.map((one) => one.words));
}

describe("what came of a fault", () => {
  test("is what the wire of that client shows after it, up to the next one", () => {
    const [one, two] = [wire("c1"), wire("c2")];
    const error = { type: "error", code: "malformed", message: "The frame is not JSON." };
    let outcomes = hear(begin([], "c1", "Malformed", 500), one("in", error));
    outcomes = hear(outcomes, two("in", { ...error, code: "invalid" }));
    outcomes = begin(outcomes, "c1", "Cut", 1000);
    const close = { code: 1006, reason: "" };
    outcomes = hear(outcomes, one("line", "close 1006", { close }));
    outcomes = hear(outcomes, one("line", "wait: connection lost; tries again in 0.2 s", { type: "wait" }));
    outcomes = hear(outcomes, one("in", { type: "welcome", resumed: true, seq: 3, epoch: "e" }));
    expect(outcomes.map(({ title }) => title)).toEqual(["Cut", "Malformed"]);
    expect(words(outcomes)).toEqual([
      [
        expect.stringMatching(/^1006 connection lost: /),
        "wait: connection lost; tries again in 0.2 s",
        "back, and going on where it was",
      ],
      ["malformed: The frame is not JSON."],
    ]);
  });

  test("is said of acks and gaps, and of nothing that goes on all the time", () => {
    const see = wire();
    let outcomes = begin([], "c1", "Lose", 500);
    const quota = { limit: 1, remaining: 1, reset: 1 };
    for (const frame of [
      see("out", { type: "message", id: "m1", text: "x" }),
      see("in", { type: "presence", user: "ben", state: "joined", at: 1 }),
      see("in", { type: "pong" }),
      see("in", { type: "welcome", resumed: false, seq: 0, epoch: "e" }),
      see("in", { type: "message", seq: 1, id: "m1", from: "ann", text: "x", at: 1 }),
      see("in", { type: "ack", id: "m1", seq: 1, at: 1, duplicate: true, quota }),
      see("in", { type: "message", seq: 3, id: "m3", from: "ann", text: "x", at: 1 }),
      see("in", { type: "token_accepted", expires_in: 1 }),
    ])
      outcomes = hear(outcomes, frame);
    expect(words(outcomes)[0]).toEqual([
      "let in",
      "ack: a duplicate, stored before as #1 after 5.0 ms",
      "#2 is missing before this message (D1).",
      "token_accepted: the new token counts",
    ]);
  });

  test("ends after so many remarks, and so many faults; the same is not said twice", () => {
    let outcomes: readonly Outcome[] = [];
    for (let n = 0; n < MAX_OUTCOMES + 5; n++) outcomes = begin(outcomes, "c1", `${n}`, n);
    expect(outcomes).toHaveLength(MAX_OUTCOMES);
    expect(new Set(outcomes.map(({ key }) => key)).size).toBe(MAX_OUTCOMES);
    for (let n = 0; n < MAX_REMARKS + 5; n++)
      for (let twice = 0; twice < 2; twice++)
        outcomes = remark(outcomes, "c1", { tone: "fine", words: `${n}` });
    expect(words(outcomes)[0]).toHaveLength(MAX_REMARKS);
    expect(remark(outcomes, "nobody", { tone: "fine", words: "x" })).toBe(outcomes);
  });

  test("is nothing that was seen before it, or long after", () => {
    const see = wire();
    const error = { type: "error", code: "invalid", message: "x" };
    const outcomes = begin([], "c1", "Cut", 2_000);
    expect(hear(outcomes, see("in", error, { at: 1_999 }))).toBe(outcomes);
    expect(hear(outcomes, see("in", error, { at: 2_000_000 }))).toBe(outcomes);
    expect(hear(outcomes, see("in", error, { at: 2_001 }))).not.toBe(outcomes);
  });
});

test("every close code that can be chosen is one that the server closes with", () => {
  const codes = closeChoices().map(([code]) => Number(code));
  expect(codes).toContain(4401);
  for (const code of codes)
    expect(
      readFaultRequest(JSON.stringify({ connection: "c", fault: { do: "close", code } })),
    ).not.toHaveProperty("refusal");
});
