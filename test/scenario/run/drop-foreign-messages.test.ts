import { describe, expect, test } from "bun:test";
import { parseRecording } from "../../../src/scenario/format/parse.ts";
import type { Frame } from "../../../src/scenario/format/recording.ts";
import { dropForeignMessages } from "../../../src/scenario/run/drop-foreign-messages.ts";

const heard = (frame: Frame) => ({ client: "ann", dir: "in", frame });
const said = (seq: number, id: string, from: string): Frame => ({ type: "message", seq, id, from, text: id });

function recordingOf(kind: string, lines: readonly object[]) {
  const header = {
    parley: kind,
    version: 1,
    clients: [{ name: "ann", user: "user1", conversation: "lobby" }],
  };
  return parseRecording([header, ...lines].map((line) => JSON.stringify(line)).join("\n")).recording!;
}

/** Ann comes into a conversation with 41 messages, and a stranger talks with her. */
const LINES = [
  { client: "ann", dir: "line", event: "open" },
  heard({ type: "welcome", seq: 41, epoch: "e", present: [{ user: "user1" }, { user: "user9" }] }),
  heard(said(42, "x1", "user9")),
  { client: "ann", dir: "out", frame: { type: "message", id: "m1", text: "m1" } },
  heard(said(43, "m1", "user1")),
  heard({ type: "ack", id: "m1", seq: 43 }),
  heard({ type: "read", user: "user9", seq: 43 }),
  heard({ type: "read", user: "user1", seq: 41 }),
  { client: "ann", dir: "out", frame: { type: "message", text: "no id" } },
  heard(said(44, "made", "user1")),
  heard({ type: "ack", id: "made", seq: 44 }),
  heard(said(45, "x2", "user9")),
  { client: "ann", dir: "out", frame: { type: "history", after: 42 } },
  heard({ type: "history", more: false, messages: [said(43, "m1", "user1"), said(45, "x2", "user9")] }),
  { client: "ann", dir: "line", event: "close", code: 1006 },
  { client: "ann", dir: "line", event: "open", after: 45, epoch: "e" },
];

describe("what strangers said", () => {
  test("N3 moves up what was lost or skipped after it", () => {
    const back = {
      type: "welcome",
      seq: 45,
      epoch: "e",
      lost: { first: 43, last: 43 },
      skipped: { first: 44, last: 44 },
    };
    const { recording } = dropForeignMessages(recordingOf("recording", [...LINES, heard(back)]));
    expect((recording.entries.at(-1) as { frame: Frame }).frame).toMatchObject({
      lost: { first: 42, last: 42 },
      skipped: { first: 43, last: 43 },
    });
  });

  test("is left out of a recording, and the numbers after it move up", () => {
    const { recording, dropped: left } = dropForeignMessages(recordingOf("recording", LINES));
    expect(left).toBe(2);
    const short = recording.entries.map((entry) => {
      if (entry.dir === "line") return entry.event === "open" ? `open ${entry.after}` : "close";
      const { type, seq, after, messages, present } = (entry as { frame: Frame }).frame;
      return [type, seq ?? after, JSON.stringify(messages ?? present)]
        .filter((part) => part !== undefined)
        .join(" ");
    });
    expect(short).toEqual([
      "open undefined",
      'welcome 41 [{"user":"user1"}]',
      "message",
      "message 42",
      "ack 42",
      "message",
      "message 43",
      "ack 43",
      "history 41",
      `history [${JSON.stringify(said(42, "m1", "user1"))}]`,
      "close",
      "open 43",
    ]);
  });

  test("is expected in a scenario, whose client may wait for somebody else's answer", () => {
    const scenario = recordingOf("scenario", LINES);
    expect(dropForeignMessages(scenario)).toEqual({ recording: scenario, dropped: 0 });
  });
});
