import { expect, test } from "bun:test";
import {
  type MessageListItem,
  messageListItems,
  readersByRow,
} from "../../../src/console/client/message-list-items.ts";
import {
  addPending,
  applyMessages,
  EMPTY_TRANSCRIPT,
  markLost,
  resetTranscript,
  type Transcript,
} from "../../../src/console/client/transcript.ts";

test("D5 a hole that can be loaded is offered, and removed messages are named", () => {
  const holed = applyMessages(applyMessages(EMPTY_TRANSCRIPT, messages(1, 2)), messages(9, 10));
  expect(shown(holed)).toEqual(["#1", "#2", "hole 3-8", "#9", "#10"]);
  expect(shown(markLost(holed, 5))).toEqual(["#1", "#2", "lost 3-5", "hole 6-8", "#9", "#10"]);
  expect(shown(markLost(holed, 8))).toEqual(["#1", "#2", "lost 3-8", "#9", "#10"]);
});

test("D5 a loss at the end is shown before anything follows it", () => {
  const lost = markLost(applyMessages(EMPTY_TRANSCRIPT, messages(1, 2)), 4);
  expect(shown(addPending(lost, { id: "mine", from: "ann", text: "x", at: 0 }))).toEqual([
    "#1",
    "#2",
    "lost 3-4",
    "pending",
  ]);
});

test("D5 after a new epoch the old messages stay above a line, though the numbers begin again", () => {
  const pending = addPending(applyMessages(EMPTY_TRANSCRIPT, messages(1, 2)), {
    id: "m",
    from: "ann",
    text: "x",
    at: 0,
  });
  const fresh = applyMessages(resetTranscript(pending, 0), messages(1, 1));
  expect(shown(fresh)).toEqual(["#1", "#2", "new_epoch", "#1", "pending"]);
  const keys = messageListItems(fresh).map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
});

test("a read mark is shown at the last read message of the list, not at the reader's own", () => {
  const { stored } = applyMessages(EMPTY_TRANSCRIPT, messages(1, 4));
  const present = [
    { user: "ann", since: 0, read: 4 },
    { user: "cat", since: 0, read: 3 },
    { user: "dan", since: 0, read: 99 },
    { user: "ben", since: 0, read: 4 },
    { user: "eve", since: 0 },
  ];
  // All messages are ben's: it is obvious that he has read them.
  expect([...readersByRow(stored, present, "ann")]).toEqual([
    ["ben\nid-3", ["cat"]],
    ["ben\nid-4", ["dan"]],
  ]);
});

function shown(transcript: Transcript): string[] {
  return messageListItems(transcript).map((item: MessageListItem) => {
    if (item.kind === "row") return item.row.kind === "stored" ? `#${item.row.seq}` : item.row.kind;
    return item.kind === "new_epoch" ? "new_epoch" : `${item.kind} ${item.first}-${item.last}`;
  });
}

function messages(first: number, last: number) {
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const seq = first + index;
    return { seq, id: `id-${seq}`, from: "ben", text: String(seq), at: seq };
  });
}
