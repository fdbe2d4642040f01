import { describe, expect, test } from "bun:test";
import {
  addNote,
  addOutcome,
  type FaultOutcome,
  MAX_NOTES,
  MAX_OUTCOMES,
  onFrame,
} from "../../../src/console/panel/faults/outcomes.ts";
import { closeChoices } from "../../../src/console/panel/faults/settings.ts";
import { type Direction, type Frame, typeOf, type WireEvent } from "../../../src/console/wire/frame.ts";
import { createFrameAnalyzer } from "../../../src/console/wire/frame-analyzer.ts";
import { readFaultRequest } from "../../../src/core/faults.ts";

/** The wire events of a client, one after the other, as the page keeps them. */
function wire(client = "c1") {
  const analyst = createFrameAnalyzer();
  let number = 0;
  return (direction: Direction, content: object | string, rest: Partial<WireEvent> = {}): Frame => {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    const type = direction === "line" ? text.split(" ")[0]! : typeOf(text);
    const seen: WireEvent = { client, at: 1000 + number, direction, type, bytes: text.length, text, ...rest };
    return { ...seen, number: ++number, annotations: analyst.analyze(seen) };
  };
}

function words(outcomes: readonly FaultOutcome[]): readonly (readonly string[])[] {
  return outcomes.map(({ notes }) => notes.map((one) => one.text));
}

describe("the outcome of a fault", () => {
  test("is what the wire of that client shows after it, up to the next one", () => {
    const [one, two] = [wire("c1"), wire("c2")];
    const error = { type: "error", code: "malformed", message: "The frame is not JSON." };
    let outcomes = onFrame(addOutcome([], "c1", "Malformed", 500), one("in", error));
    outcomes = onFrame(outcomes, two("in", { ...error, code: "invalid" }));
    outcomes = addOutcome(outcomes, "c1", "Cut", 1000);
    const close = { code: 1006, reason: "" };
    outcomes = onFrame(outcomes, one("line", "close 1006", { close }));
    outcomes = onFrame(
      outcomes,
      one("line", "wait: connection lost; tries again in 0.2 s", { type: "wait" }),
    );
    outcomes = onFrame(outcomes, one("in", { type: "welcome", resumed: true, seq: 3, epoch: "e" }));
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

  test("lists acks and gaps, and not the regular frames", () => {
    const see = wire();
    let outcomes = addOutcome([], "c1", "Lose", 500);
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
      outcomes = onFrame(outcomes, frame);
    expect(words(outcomes)[0]).toEqual([
      "let in",
      "ack: a duplicate, stored before as #1 after 5.0 ms",
      "#2 is missing before this message (D1).",
      "token_accepted: the new token is in use",
    ]);
  });

  test("ends after a number of remarks, and of faults; repeats are left out", () => {
    let outcomes: readonly FaultOutcome[] = [];
    for (let n = 0; n < MAX_OUTCOMES + 5; n++) outcomes = addOutcome(outcomes, "c1", `${n}`, n);
    expect(outcomes).toHaveLength(MAX_OUTCOMES);
    expect(new Set(outcomes.map(({ key }) => key)).size).toBe(MAX_OUTCOMES);
    for (let n = 0; n < MAX_NOTES + 5; n++)
      for (let twice = 0; twice < 2; twice++)
        outcomes = addNote(outcomes, "c1", { severity: "fine", text: `${n}` });
    expect(words(outcomes)[0]).toHaveLength(MAX_NOTES);
    expect(addNote(outcomes, "unknown", { severity: "fine", text: "x" })).toBe(outcomes);
  });

  test("is nothing that was seen before it, or long after", () => {
    const see = wire();
    const error = { type: "error", code: "invalid", message: "x" };
    const outcomes = addOutcome([], "c1", "Cut", 2_000);
    expect(onFrame(outcomes, see("in", error, { at: 1_999 }))).toBe(outcomes);
    expect(onFrame(outcomes, see("in", error, { at: 2_000_000 }))).toBe(outcomes);
    expect(onFrame(outcomes, see("in", error, { at: 2_001 }))).not.toBe(outcomes);
  });
});

test("every close code of the list is one that the server uses", () => {
  const codes = closeChoices().map(([code]) => Number(code));
  expect(codes).toContain(4401);
  for (const code of codes)
    expect(
      readFaultRequest(JSON.stringify({ connection: "c", fault: { do: "close", code } })),
    ).not.toHaveProperty("refusal");
});
