import { describe, expect, test } from "bun:test";
import { parseRecording } from "../../../src/scenario/format/parse.ts";
import type { Frame } from "../../../src/scenario/format/recording.ts";
import { dropForeignMessages } from "../../../src/scenario/run/drop-foreign-messages.ts";

const received = (frame: Frame) => ({ client: "ann", dir: "in", frame });
const message = (seq: number, id: string, from: string): Frame => ({
  type: "message",
  seq,
  id,
  from,
  text: id,
});

function recordingOf(kind: string, lines: readonly object[]) {
  const header = {
    parley: kind,
    version: 1,
    clients: [{ name: "ann", user: "user1", conversation: "lobby" }],
  };
  return parseRecording([header, ...lines].map((line) => JSON.stringify(line)).join("\n")).recording!;
}

/** Ann joins a conversation with 41 messages, and a foreign user posts, too. */
const LINES = [
  { client: "ann", dir: "line", event: "open" },
  received({ type: "welcome", seq: 41, epoch: "e", present: [{ user: "user1" }, { user: "user9" }] }),
  received(message(42, "x1", "user9")),
  { client: "ann", dir: "out", frame: { type: "message", id: "m1", text: "m1" } },
  received(message(43, "m1", "user1")),
  received({ type: "ack", id: "m1", seq: 43 }),
  received({ type: "read", user: "user9", seq: 43 }),
  received({ type: "read", user: "user1", seq: 41 }),
  { client: "ann", dir: "out", frame: { type: "message", text: "no id" } },
  received(message(44, "made", "user1")),
  received({ type: "ack", id: "made", seq: 44 }),
  received(message(45, "x2", "user9")),
  { client: "ann", dir: "out", frame: { type: "history", after: 42 } },
  received({
    type: "history",
    more: false,
    messages: [message(43, "m1", "user1"), message(45, "x2", "user9")],
  }),
  { client: "ann", dir: "line", event: "close", code: 1006 },
  { client: "ann", dir: "line", event: "open", after: 45, epoch: "e" },
];

describe("messages of foreign users", () => {
  test("N3 increase the count of lost or skipped messages after them", () => {
    const back = {
      type: "welcome",
      seq: 45,
      epoch: "e",
      lost: { first: 43, last: 43 },
      skipped: { first: 44, last: 44 },
    };
    const { recording } = dropForeignMessages(recordingOf("recording", [...LINES, received(back)]));
    expect((recording.entries.at(-1) as { frame: Frame }).frame).toMatchObject({
      lost: { first: 42, last: 42 },
      skipped: { first: 43, last: 43 },
    });
  });

  test("are left out of a recording, and the seqs after them are lowered", () => {
    const { recording, dropped } = dropForeignMessages(recordingOf("recording", LINES));
    expect(dropped).toBe(2);
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
      `history [${JSON.stringify(message(42, "m1", "user1"))}]`,
      "close",
      "open 43",
    ]);
  });

  test("are expected in a scenario, whose client may wait for another user's reply", () => {
    const scenario = recordingOf("scenario", LINES);
    expect(dropForeignMessages(scenario)).toEqual({ recording: scenario, dropped: 0 });
  });
});
