import { expect, test } from "bun:test";
import type { Lost } from "../../src/client/inbox.ts";
import { createReader } from "../../src/client/reader.ts";
import type { Message } from "../../src/protocol/server-frames.ts";

const message = (seq: number): Message => ({ seq, id: `m${seq}`, from: "ann", text: "hello", at: seq });

// Found by `check:delivery` under retention: after a welcome with `lost`, every loop asked the server for the lost
// messages, which cost its user a request of the quota, and then told of the same loss again.
test("D5 Q2 a loop does not look for what was told to be lost", async () => {
  const asked: number[] = [];
  const told: Lost[] = [];
  const reader = createReader({
    readAfter: async (seq) => {
      asked.push(seq);
      return { messages: [], more: false };
    },
    lost: (lost) => told.push(lost),
    ended: () => {},
  });
  reader.push(message(1));
  reader.lost({ first: 2, last: 4 });
  reader.push(message(5));
  reader.push(message(6));
  reader.end();
  const seqs: number[] = [];
  for await (const { seq } of reader.messages) seqs.push(seq);
  expect(seqs).toEqual([1, 5, 6]);
  expect({ asked, told }).toEqual({ asked: [], told: [] });
});
