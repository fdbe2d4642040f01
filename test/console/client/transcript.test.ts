import { expect, test } from "bun:test";
import {
  addPending,
  applyMessages,
  EMPTY_TRANSCRIPT,
  hasEarlier,
  MAX_STORED_ROWS,
} from "../../../src/console/client/transcript.ts";
import type { Message } from "../../../src/protocol/server-frames.ts";

test("D1 messages are shown by seq and once, in whatever order they arrive", () => {
  const live = applyMessages(EMPTY_TRANSCRIPT, range(51, 53));
  const filled = applyMessages(applyMessages(live, range(49, 51)), range(47, 52));
  expect(filled.stored.map(({ seq }) => seq)).toEqual([47, 48, 49, 50, 51, 52, 53]);
});

test("a long session keeps the newest rows only, and loses no pending one", () => {
  const pending = addPending(EMPTY_TRANSCRIPT, { id: "mine", from: "user1", text: "x", at: 0 });
  const full = applyMessages(pending, range(1, MAX_STORED_ROWS + 10));
  expect(full.stored).toHaveLength(MAX_STORED_ROWS);
  expect(full.stored[0]?.seq).toBe(11);
  expect(full.outbox).toHaveLength(1);
});

test("earlier messages are offered until the first available one is shown", () => {
  expect(hasEarlier(EMPTY_TRANSCRIPT)).toBe(false);
  expect(hasEarlier({ ...EMPTY_TRANSCRIPT, newest: 5 })).toBe(true);
  expect(hasEarlier(applyMessages(EMPTY_TRANSCRIPT, range(2, 5)))).toBe(true);
  expect(hasEarlier(applyMessages(EMPTY_TRANSCRIPT, range(1, 5)))).toBe(false);
  expect(hasEarlier({ ...applyMessages(EMPTY_TRANSCRIPT, range(2, 5)), first: 2 })).toBe(false);
});

function range(first: number, last: number): Message[] {
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const seq = first + index;
    return { seq, id: `id-${seq}`, from: "user2", text: String(seq), at: seq };
  });
}
