import { expect, test } from "bun:test";
import type { Entry, MessageList } from "../../../src/client/index.ts";
import {
  messageListItems,
  readAtOpening,
  readersByRow,
} from "../../../src/console/client/message-list-items.ts";

test("D5 a hole that can be loaded is offered, and removed messages are named", () => {
  const entries = [...stored(1, 2), ...stored(9, 10)];
  expect(shown({ entries, lost: [] })).toEqual(["#1", "#2", "hole 3-8 newest", "#9", "#10"]);
  const some = [{ first: 3, last: 5 }];
  expect(shown({ entries, lost: some })).toEqual(["#1", "#2", "lost 3-5", "hole 6-8 newest", "#9", "#10"]);
  expect(shown({ entries, lost: [{ first: 3, last: 8 }] })).toEqual(["#1", "#2", "lost 3-8", "#9", "#10"]);
});

test("D5 of several holes the newest is the one that the next page fills", () => {
  const entries = [...stored(1, 1), ...stored(5, 5), ...stored(9, 9)];
  expect(shown({ entries, lost: [] })).toEqual(["#1", "hole 2-4", "#5", "hole 6-8 newest", "#9"]);
});

test("D5 a loss at the end is shown before anything follows it", () => {
  const lost = [{ first: 3, last: 4 }];
  expect(shown({ entries: [...stored(1, 2), pending()], lost })).toEqual(["#1", "#2", "lost 3-4", "pending"]);
  expect(shown({ entries: stored(1, 2), lost })).toEqual(["#1", "#2", "lost 3-4"]);
});

test("D5 a new epoch is shown above its messages", () => {
  const items = messageListItems({ entries: [...stored(1, 1), pending()], lost: [{ epoch: "e2" }] });
  expect(items.map(({ kind }) => kind)).toEqual(["new_epoch", "row", "row"]);
  expect(new Set(items.map(({ key }) => key)).size).toBe(3);
});

test("IN1 the first message of another user after the read mark begins the new ones", () => {
  const own = { ...stored(3, 3)[0]!, own: true };
  const entries = [...stored(1, 2), own, ...stored(4, 5)];
  const firstNew = (readBefore?: number) =>
    messageListItems({ entries, lost: [] }, readBefore).flatMap((item) =>
      item.kind === "row" && item.isFirstNew ? [item.row.seq] : [],
    );
  expect([firstNew(2), firstNew(0), firstNew(5), firstNew()]).toEqual([[4], [1], [], []]);
});

test("IN1 nothing is new that was read, that is before an own message, or that comes while the conversation is shown", () => {
  const own = { ...stored(3, 3)[0]!, own: true };
  const entries = [...stored(1, 2), own, ...stored(4, 5)];
  expect(readAtOpening({ entries, read: 0 })).toBe(3);
  expect(readAtOpening({ entries, read: 4 })).toBe(4);
  expect(readAtOpening({ entries, read: 5 })).toBe(Number.POSITIVE_INFINITY);
  expect(readAtOpening({ entries: [...stored(1, 2), own], read: 0 })).toBe(Number.POSITIVE_INFINITY);
});

test("a read mark is shown at the last read message of the list, not at the reader's own", () => {
  const present = [
    { user: "ann", since: 0, read: 4 },
    { user: "cat", since: 0, read: 3 },
    { user: "dan", since: 0, read: 99 },
    { user: "ben", since: 0, read: 4 },
    { user: "eve", since: 0 },
  ];
  // All messages are ben's: it is obvious that he has read them.
  expect([...readersByRow(stored(1, 4), present, "ann")]).toEqual([
    ["ben\nid-3", ["cat"]],
    ["ben\nid-4", ["dan"]],
  ]);
});

function shown(list: Pick<MessageList, "entries" | "lost">): string[] {
  return messageListItems(list).map((item) => {
    if (item.kind === "row") return item.row.seq === undefined ? item.row.state : `#${item.row.seq}`;
    if (item.kind === "new_epoch") return "new_epoch";
    const newest = item.kind === "hole" && item.isNewest ? " newest" : "";
    return `${item.kind} ${item.first}-${item.last}${newest}`;
  });
}

function stored(first: number, last: number): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, index): Entry => {
    const seq = first + index;
    const id = `id-${seq}`;
    return {
      key: `ben\n${id}`,
      state: "stored",
      own: false,
      myReactions: [],
      seq,
      id,
      from: "ben",
      text: String(seq),
      at: seq,
    };
  });
}

function pending(): Entry {
  return {
    key: "mine",
    state: "pending",
    own: true,
    id: "mine",
    from: "ann",
    text: "x",
    at: 0,
    myReactions: [],
  };
}
