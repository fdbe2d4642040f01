import { expect, test } from "bun:test";
import type { PostResult } from "../../../src/core/ports/message-log.ts";
import type { Message } from "../../../src/protocol/server-frames.ts";
import { messageContent } from "../../support/entries.ts";
import { Random, seeds } from "../../support/random.ts";
import { type OpenEngine, Subject } from "./subject.ts";

/** D1 and D2: seqs without holes, one order for every subscriber, and acks only for stored messages. */
export function deliveryContract(open: OpenEngine): void {
  for (const seed of seeds(1, 2)) {
    test(`D1 many users posting at once get seqs without holes in each conversation (seed ${seed})`, async () => {
      await using subject = await Subject.open(open);
      const random = new Random(seed);
      const rooms = ["red", "green", "blue"];
      const received = await Promise.all(rooms.map((room) => subject.subscribe(room)));
      const acked = new Map<string, string[]>(rooms.map((room) => [room, []]));
      for (let turn = 0; turn < 20; turn++) {
        const posts = Array.from({ length: random.between(1, 30) }, async (_, i) => {
          const room = random.pick(rooms);
          const user = `user${random.between(1, 8)}`;
          const { seq } = await subject.store(`${turn}.${i}`, { conversation: room, user });
          acked.get(room)![seq - 1] = `${user} ${turn}.${i}`;
        });
        // Some batches begin while the one before is still under way.
        if (random.next() < 0.5) await Promise.all(posts);
      }
      await subject.store("last");
      for (const [i, room] of rooms.entries()) {
        const inRoom = received[i]!.received;
        expect(inRoom.map(({ seq }) => seq)).toEqual(inRoom.map((_, at) => at + 1));
        expect(inRoom.map(({ from, id }) => `${from} ${id}`)).toEqual(acked.get(room)!);
      }
    });
  }

  test("D1 D2 a message is announced to all before its `done`, and before the next message's announcement", async () => {
    await using subject = await Subject.open(open);
    const order: string[] = [];
    for (const subscriber of ["left", "right"])
      await subject.engine.subscribe("room", (_, { seq }) => order.push(`${subscriber} ${seq}`));
    await Promise.all(["a", "b", "c"].map(async (id) => done(await post(id))));
    expect(order).toEqual([1, 2, 3].flatMap((seq) => [`left ${seq}`, `right ${seq}`, `done ${seq}`]));

    // The callback and not a promise's continuation, which would come later.
    function post(id: string): Promise<PostResult> {
      return new Promise((resolve) =>
        subject.engine.post(
          { conversation: "room", user: "anna", id, ...messageContent(id), limit: 0 },
          (result) => {
            order.push(`done ${result.outcome === "stored" ? result.seq : result.outcome}`);
            resolve(result);
          },
        ),
      );
    }
    function done(result: PostResult): void {
      expect(result.outcome).toBe("stored");
    }
  });

  test("D1 results of every kind come in the order of the calls, once each", async () => {
    await using subject = await Subject.open(open);
    await subject.store("known");
    const order: string[] = [];
    const calls = [
      ["new", "room", 10],
      ["known", "room", 10],
      ["elsewhere", "other", 10],
      ["refused", "room", 1],
      ["new", "room", 10],
    ] as const;
    await new Promise<void>((resolve) => {
      for (const [id, conversation, limit] of calls) {
        subject.engine.post({ conversation, user: "anna", id, ...messageContent(""), limit }, ({ outcome }) =>
          order.push(`${id} ${outcome}`),
        );
        subject.engine.history({ conversation, user: "anna", limit: 0, count: 1 }, ({ outcome }) => {
          order.push(outcome);
          if (order.length === calls.length * 2) resolve();
        });
      }
    });
    const outcomes = [
      "new stored",
      "known duplicate",
      "elsewhere stored",
      "refused rate_limited",
      "new duplicate",
    ];
    expect(order).toEqual(outcomes.flatMap((outcome) => [outcome, "read"]));
    await subject.store("later");
    expect(order).toHaveLength(calls.length * 2);
  });

  test("D1 each conversation has its own seqs, which continue after reopening", async () => {
    await using subject = await Subject.open(open);
    await subject.fill(3, { conversation: "a" });
    expect((await subject.store("x", { conversation: "b" })).seq).toBe(1);
    await subject.reopen();
    expect((await subject.store("next", { conversation: "a" })).seq).toBe(4);
    expect((await subject.store("next", { conversation: "b" })).seq).toBe(2);
  });

  test("D1 a message has the store's time, the same in the result, the announcement and history", async () => {
    await using subject = await Subject.open(open);
    const { received } = await subject.subscribe();
    const first = await subject.store("a");
    expect(first.at).toBe(subject.clock.now());
    subject.clock.advance(1_234);
    const second = await subject.store("b");
    expect(second.at - first.at).toBe(1_234);
    expect(received.map(({ at }) => at)).toEqual([first.at, second.at]);
    expect((await subject.read()).messages.map(({ at }) => at)).toEqual([first.at, second.at]);
  });

  test("D2 a message with the result `stored` is there after reopening, unchanged", async () => {
    await using subject = await Subject.open(open);
    const { received } = await subject.subscribe();
    const texts = [
      "",
      "plain",
      "ÄÖ ß 漢字 🙂👩‍👩‍👧",
      "line\nbreak\ttab \u0000 after zero",
      "'; drop table message; --",
    ];
    const data: Message["data"][] = [
      undefined,
      {},
      { n: 0.1, big: 9007199254740991, list: [1, null, true, { deep: "er" }] },
      JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}'),
    ];
    await Promise.all(texts.map((text, i) => subject.store(`t${i}`, { text })));
    await Promise.all(
      data.map((value, i) => subject.store(`d${i}`, value === undefined ? {} : { data: value })),
    );
    const before = await subject.read();
    expect(before.messages.slice(0, texts.length).map(({ text }) => text)).toEqual(texts);
    expect(before.messages.slice(texts.length).map((message) => JSON.stringify(message.data))).toEqual(
      data.map((value) => JSON.stringify(value)),
    );
    expect(received.map(inWords)).toEqual(before.messages.map(inWords));
    await subject.reopen();
    expect((await subject.read()).messages.map(inWords)).toEqual(before.messages.map(inWords));
  });

  test("D2 a name may contain any character that the wire allows", async () => {
    await using subject = await Subject.open(open);
    const conversation = "a:b@c.d_e-F".padEnd(128, "0");
    const id = String.fromCharCode(...Array.from({ length: 64 }, (_, i) => 32 + i));
    const user = "u".repeat(128);
    await subject.store(id, { conversation, user });
    await subject.reopen();
    expect((await subject.read({ conversation })).messages).toMatchObject([{ id, from: user, seq: 1 }]);
    expect((await subject.post(id, { conversation, user })).outcome).toBe("duplicate");
  });
}

/** A message as a list in a fixed order; `data` as text, or `__proto__` would not be compared. */
function inWords({ seq, id, from, text, data, at }: Message): unknown[] {
  return [seq, id, from, text, JSON.stringify(data), at];
}
