import { expect, test } from "bun:test";
import type { Lost } from "../../../../src/console/client/one/inbox.ts";
import { createMessageIterator } from "../../../../src/console/client/one/message-iterator.ts";
import type { Message } from "../../../../src/protocol/server-frames.ts";

const message = (seq: number): Message => ({ seq, id: `m${seq}`, from: "ann", text: "hello", at: seq });

// Found by `check:delivery` under retention: after a welcome with `lost`, every loop requested the lost messages, which
// cost its user a request of the quota, and then reported the same loss again.
test("D5 Q2 a loop does not request messages that were reported as lost", async () => {
  const asked: number[] = [];
  const delivered: Lost[] = [];
  const reader = createMessageIterator({
    readAfter: async (seq) => {
      asked.push(seq);
      return { messages: [], more: false };
    },
    lost: (lost) => delivered.push(lost),
    onEnd: () => {},
  });
  reader.push(message(1));
  reader.lost({ first: 2, last: 4 });
  reader.push(message(5));
  reader.push(message(6));
  reader.end();
  const seqs: number[] = [];
  for await (const { seq } of reader.messages) seqs.push(seq);
  expect(seqs).toEqual([1, 5, 6]);
  expect({ asked, delivered }).toEqual({ asked: [], delivered: [] });
});

const quiet = { readAfter: async () => ({ messages: [], more: false }), lost: () => {} };

test("10 return() ends a waiting loop at once", async () => {
  let ended = 0;
  const reader = createMessageIterator({ ...quiet, onEnd: () => ended++ });
  const { messages } = reader;
  const waiting = [messages.next(), messages.next()];
  expect(await messages.return!()).toEqual({ value: undefined, done: true });
  expect(await Promise.all(waiting)).toEqual(Array(2).fill({ value: undefined, done: true }));
  expect(ended).toBeGreaterThan(0);
  reader.push(message(1));
  expect(await messages.next()).toEqual({ value: undefined, done: true });
});

test("10 calls of next() that wait together get the messages in order", async () => {
  const reader = createMessageIterator({ ...quiet, onEnd: () => {} });
  const waiting = [reader.messages.next(), reader.messages.next()];
  reader.push(message(1));
  reader.push(message(2));
  const results = await Promise.all(waiting);
  expect(results.map(({ value }) => value?.seq)).toEqual([1, 2]);
});

test("a loop fails once, after what it has, and is over then", async () => {
  const reader = createMessageIterator({ ...quiet, onEnd: () => {} });
  reader.push(message(1));
  reader.end(new Error("closed for good"));
  expect(await reader.messages.next()).toEqual({ value: message(1), done: false });
  expect(reader.messages.next()).rejects.toThrow("closed for good");
  expect(await reader.messages.next()).toEqual({ value: undefined, done: true });
});
