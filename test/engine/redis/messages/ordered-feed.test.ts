// A sender's acks and messages come in the order of `seq`, though other nodes' messages are announced on one connection
// and the replies to one's own commands come on another. `parley conformance` found this broken in one of ten runs:
// messages 1 to 6, and then the acks of 4, 5 and 6.
import { describe, expect, test } from "bun:test";
import { type Entry, encodeMessageBody } from "../../../../src/core/conversation/entry.ts";
import type { FeedHead } from "../../../../src/engine/redis/messages/feed-store.ts";
import { encodeRecord } from "../../../../src/engine/redis/messages/message-encoding.ts";
import { OrderedFeed } from "../../../../src/engine/redis/messages/ordered-feed.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { TestNode } from "../support/test-node.ts";

const HEAD: FeedHead = { seq: 0, at: 0, first: 1, epoch: "e", rev: 0, revAt: 0 };
const CONTENT = { kind: "message", body: encodeMessageBody("") } as const;
const entry = (seq: number): Entry => ({ ...CONTENT, seq, id: `${seq}`, from: "anna", at: 7 });
const record = (seq: number) =>
  encodeRecord({ ...CONTENT, id: `${seq}`, user: "anna", conversation: "room", limit: 0 });

/** A room that records what it delivers, in order: `3` for a message, `ack 3` for an ack. */
function openRoom() {
  const order: string[] = [];
  const asked: number[] = [];
  const room = new OrderedFeed("room", {
    head: async (_, { seq }) => {
      asked.push(seq);
      return HEAD;
    },
    read: async (_, first, last) => Array.from({ length: last - first + 1 }, (_, i) => entry(first + i)),
    changes: async () => undefined,
    onChange() {},
    onEnded() {},
    onEpochChanged() {},
    emit: new RecordedLog().emit,
  });
  room.open(HEAD);
  room.add((_, { seq }) => order.push(`${seq}`));
  const announce = (...seqs: number[]) =>
    room.receive({
      epoch: "e",
      first: seqs[0]!,
      last: seqs.at(-1)!,
      at: 7,
      records: seqs.map(record).join("\n"),
      rev: 0,
    });
  const answer = (seq: number) => {
    const done = () => order.push(`ack ${seq}`);
    room.addReply({ seq, entry: entry(seq), rev: 0, change: undefined, send: done });
  };
  return { room, order, announce, answer, asked };
}

describe("D1 a room", () => {
  test("holds back what was stored after its own batch until the acks of that batch", () => {
    const { room, order, announce, answer } = openRoom();
    announce(1);
    room.beginBatch(1);
    announce(2, 3);
    announce(4);
    expect(order).toEqual(["1"]);
    answer(3);
    expect(order).toEqual(["1", "2", "3", "ack 3"]);
    room.endBatch(1);
    expect(order).toEqual(["1", "2", "3", "ack 3", "4"]);
  });

  test("delivers messages from before the next batch while that batch is under way, so that a busy node delays no others", () => {
    const { room, order, announce, answer } = openRoom();
    room.beginBatch(1);
    announce(1, 2, 3);
    room.beginBatch(2);
    answer(2);
    room.endBatch(1);
    expect(order).toEqual(["1", "2", "ack 2", "3"]);
    announce(4, 5);
    expect(order).toHaveLength(4);
    answer(5);
    room.endBatch(2);
    expect(order).toEqual(["1", "2", "ack 2", "3", "4", "5", "ack 5"]);
  });

  test("continues when a batch stored nothing here, and does not read the messages it holds back", async () => {
    const { room, order, announce } = openRoom();
    room.beginBatch(1);
    announce(1);
    await Bun.sleep(20);
    expect(order).toEqual([]);
    room.endBatch(1);
    expect(order).toEqual(["1"]);
  });
});

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);

  test(`D1 two nodes that post at once each get acks and messages in the order of seq (${kind})`, async () => {
    const prefix = freshPrefix();
    await using one = await TestNode.open(await redis.connect(prefix));
    await using other = await TestNode.open(await redis.connect(prefix));
    const rounds = 150;
    const orders = await Promise.all(
      [one, other].map(async (node) => {
        const seqs: number[] = [];
        await node.engine.subscribe("room", (_, { seq }) => seqs.push(seq));
        return { node, seqs };
      }),
    );
    for (let round = 0; round < rounds; round++)
      await Promise.all(
        orders.flatMap(({ node, seqs }) =>
          [1, 2, 3].map(async (i) => {
            const request = { conversation: "room", user: node.client.node, ...CONTENT, limit: 0 };
            await new Promise<void>((resolve) =>
              node.engine.post({ ...request, id: `${round}-${i}` }, (result) => {
                if ("seq" in result) seqs.push(result.seq);
                resolve();
              }),
            );
          }),
        ),
      );
    await waitUntil("all are delivered", () => orders.every(({ seqs }) => seqs.length === rounds * 9));
    for (const { seqs } of orders) expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  });
}

test("D5 after a lost connection the messages before the loss are read from the store, despite new announcements", async () => {
  const { room, announce, asked } = openRoom();
  announce(1, 2, 3);
  room.markUnverified();
  announce(4, 5);
  await room.check();
  expect(asked).toEqual([3]);
  await room.check();
  expect(asked).toEqual([3, 5]);
});
