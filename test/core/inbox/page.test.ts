import { expect, test } from "bun:test";
import {
  decodeCursor,
  encodeCursor,
  type Listed,
  pageOf,
  partsWithin,
} from "../../../src/core/inbox/page.ts";
import { Random, seeds } from "../../support/random.ts";

/** Reads all pages. */
function readAll(list: readonly Listed[], limit: number): string[] {
  const names: string[] = [];
  for (let cursor: Listed | undefined; ; ) {
    const page = pageOf(list, limit, cursor);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    names.push(...page.items.map(({ conversation }) => conversation));
    expect(page.cursor !== undefined).toBe(page.more);
    if (page.cursor === undefined) return names;
    cursor = decodeCursor(page.cursor);
  }
}

test("IN1 the list is sorted by time, newest first, and by name where times are equal", () => {
  const list = [
    { conversation: "b", at: 5 },
    { conversation: "old", at: 1 },
    { conversation: "new", at: 9 },
    { conversation: "a", at: 5 },
  ];
  expect(readAll(list, 10)).toEqual(["new", "a", "b", "old"]);
  expect(readAll(list, 1)).toEqual(["new", "a", "b", "old"]);
  expect(readAll([], 5)).toEqual([]);
});

for (const seed of seeds(1, 2, 3)) {
  test(`IN1 pages of any size make the whole list, each conversation once (seed ${seed})`, () => {
    const random = new Random(seed);
    const list = Array.from({ length: random.between(1, 300) }, (_, i) => ({
      conversation: `c${i}`,
      at: random.between(1, 40),
    }));
    const sorted = list.toSorted((one, other) =>
      one.at !== other.at ? other.at - one.at : one.conversation < other.conversation ? -1 : 1,
    );
    const names = sorted.map(({ conversation }) => conversation);
    expect(readAll(list, random.between(1, 60))).toEqual(names);
  });
}

test("IN1 what is no cursor is refused", () => {
  const place = { at: 1_795_437_965_658, conversation: "a:b.c@d-e" };
  expect(decodeCursor(encodeCursor(place))).toEqual(place);
  for (const text of ["", "~", "abc", "12345678901~a", "1~", "1~a b", "A~b"])
    expect(decodeCursor(text)).toBeUndefined();
});

test("IN3 items are divided into frames by their bytes", () => {
  expect(partsWithin([], 10)).toEqual([[]]);
  expect(partsWithin(["1234", "1234", "1234"], 10)).toEqual([["1234", "1234"], ["1234"]]);
  expect(partsWithin(["x".repeat(50), "ä".repeat(4), "b"], 10)).toEqual([
    ["x".repeat(50)],
    ["ä".repeat(4)],
    ["b"],
  ]);
});
