import { expect, test } from "bun:test";
import { historyRange } from "../../../src/core/conversation/history.ts";

/** The numbers that a request means, counted out one by one. */
function byHand(request: { before?: number; after?: number; count: number }, newest: number, oldest: number) {
  const all = Array.from({ length: newest }, (_, i) => i + 1).filter((seq) => seq >= oldest);
  if (request.after !== undefined) {
    const above = all.filter((seq) => seq > request.after!);
    return { seqs: above.slice(0, request.count), more: above.length > request.count };
  }
  const below = all.filter((seq) => request.before === undefined || seq < request.before);
  return { seqs: below.slice(-request.count), more: below.length > request.count };
}

test("D1 D5 every small request agrees with counting by hand, at every edge, also above removed messages", () => {
  const bounds = [undefined, 0, 1, 2, 3, 4, 5, 6, 7, 100];
  const heads = [0, 1, 2, 3, 4, 5].flatMap((newest) =>
    Array.from({ length: newest + 1 }, (_, i) => ({ seq: newest, first: i + 1 })),
  );
  for (const head of heads) {
    for (const count of [1, 2, 3, 4, 5, 6, 200]) {
      for (const bound of bounds) {
        for (const direction of ["before", "after"] as const) {
          const request = { count, ...(bound !== undefined && { [direction]: bound }) };
          const { first, last, more } = historyRange(request, head);
          const seqs = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
          const expected = byHand(request, head.seq, head.first);
          expect([head, request, seqs, more]).toEqual([head, request, expected.seqs, expected.more]);
        }
      }
    }
  }
});

test("D1 limits as large as the wire allows do not overflow", () => {
  const far = Number.MAX_SAFE_INTEGER;
  const beyond = historyRange({ after: far, count: 200 }, { seq: 10, first: 1 });
  expect(beyond.first).toBeGreaterThan(beyond.last);
  expect(beyond.more).toBe(false);
  expect(historyRange({ before: far, count: 200 }, { seq: 10, first: 1 })).toEqual({
    first: 1,
    last: 10,
    more: false,
  });
});
