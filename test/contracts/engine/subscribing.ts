import { expect, test } from "bun:test";
import type { Subscription } from "../../../src/core/ports/message-log.ts";
import type { Message } from "../../../src/protocol/server-frames.ts";
import { decodeEntry, messageContent } from "../../support/entries.ts";
import { Random, seeds } from "../../support/random.ts";
import { type OpenEngine, Subject } from "./subject.ts";

/** Listening: from a known number on, nothing missed and nothing twice. */
export function subscribingContract(open: OpenEngine): void {
  test("D1 a subscription begins at the newest seq, 0 in an unused conversation, also after reopening", async () => {
    await using subject = await Subject.open(open);
    expect((await subject.subscribe()).listening.seq).toBe(0);
    await subject.fill(3);
    expect((await subject.subscribe()).listening.seq).toBe(3);
    expect((await subject.subscribe("other")).listening.seq).toBe(0);
    await subject.reopen();
    expect((await subject.subscribe()).listening.seq).toBe(3);
  });

  test("D1 a subscriber receives whole messages of its own conversation, with the conversation's name", async () => {
    await using subject = await Subject.open(open);
    const calls: [string, Message][] = [];
    await subject.engine.subscribe("room", (conversation, entry) =>
      calls.push([conversation, decodeEntry(entry)]),
    );
    const { at } = await subject.store("a", { text: "hello", data: { x: 1 } });
    await subject.store("b", { conversation: "other" });
    const message = { seq: 1, id: "a", from: "anna", text: "hello", data: { x: 1 }, at };
    expect(calls).toEqual([["room", message]]);
  });

  for (const seed of seeds(21, 22)) {
    test(`D1 a subscription that begins in the middle of a stream misses and repeats nothing (seed ${seed})`, async () => {
      await using subject = await Subject.open(open);
      const random = new Random(seed);
      const listeners: { listening: Subscription; received: Message[] }[] = [];
      const under: Promise<unknown>[] = [];
      for (let turn = 0; turn < 60; turn++) {
        for (let i = random.between(0, 4); i > 0; i--) under.push(subject.store(`${turn}.${i}`));
        // Sometimes while a batch is under way, sometimes after it.
        const beginning = random.next() < 0.5 ? subject.subscribe() : undefined;
        for (let i = random.between(0, 4); i > 0; i--) under.push(subject.store(`${turn}.${i} after`));
        if (beginning !== undefined) listeners.push(await beginning);
        if (random.next() < 0.5) await Promise.all(under);
      }
      await Promise.all(under);
      const { seq: newest } = await subject.store("last");
      for (const { listening, received } of listeners) {
        const expected = Array.from({ length: newest - listening.seq }, (_, i) => listening.seq + 1 + i);
        expect(received.map(({ seq }) => seq)).toEqual(expected);
      }
    });
  }

  test("D1 a subscription that begins inside an announcement, or inside `done`, misses and repeats nothing", async () => {
    // A batch of three is announced one by one. A subscription that began in between got the number of the last one as
    // its start, and then received the rest of the batch: messages from before its start.
    await using subject = await Subject.open(open);
    const late: Promise<{ listening: Subscription; received: Message[] }>[] = [];
    const first = await subject.engine.subscribe("room", (_, { seq }) => {
      if (seq === 1) late.push(subject.subscribe());
    });
    subject.engine.post(
      { conversation: "room", user: "anna", id: "1", ...messageContent(""), limit: 0 },
      () => late.push(subject.subscribe()),
    );
    await Promise.all([subject.store("2"), subject.store("3")]);
    await subject.store("4");
    first.stop();
    expect(late).toHaveLength(2);
    for (const { listening, received } of await Promise.all(late)) {
      expect(listening.seq).toBeGreaterThanOrEqual(1);
      expect(received.map(({ seq }) => seq)).toEqual([2, 3, 4].filter((seq) => seq > listening.seq));
    }
  });

  test("D1 a subscriber that stopped receives nothing more, not even the rest of a batch, and others continue", async () => {
    await using subject = await Subject.open(open);
    const received: number[] = [];
    const stopping = await subject.engine.subscribe("room", (_, { seq }) => {
      received.push(seq);
      if (seq === 2) stopping.stop();
    });
    const other = await subject.subscribe();
    await subject.fill(3);
    await subject.store("4");
    expect(received).toEqual([1, 2]);
    expect(other.received).toHaveLength(4);
    stopping.stop();
    const again = await subject.subscribe();
    stopping.stop();
    await subject.store("5");
    expect(again.received.map(({ seq }) => seq)).toEqual([5]);
  });

  test("D1 a subscriber stopped by another one in the middle of an announcement is not called any more", async () => {
    await using subject = await Subject.open(open);
    const received: string[] = [];
    const stops: (() => void)[] = [];
    for (const name of ["first", "second"]) {
      const listening = await subject.engine.subscribe("room", () => {
        received.push(name);
        for (const stop of stops) stop();
      });
      stops.push(() => listening.stop());
    }
    await subject.fill(2);
    expect(received).toHaveLength(1);
  });

  test("D2 a failing subscriber does not block the other subscribers or the sender", async () => {
    // `done` MUST be called exactly once; an error in one listener had prevented it, and the sender waited for ever.
    await using subject = await Subject.open(open);
    await subject.engine.subscribe("room", () => {
      throw new Error("a listener's fault, made on purpose");
    });
    const { received } = await subject.subscribe();
    await subject.fill(2);
    expect(received.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test("D5 the epoch is the store's: the same for every conversation, and after reopening", async () => {
    await using subject = await Subject.open(open);
    const { epoch } = (await subject.subscribe()).listening;
    expect(epoch).not.toBe("");
    expect((await subject.subscribe("other")).listening.epoch).toBe(epoch);
    await subject.store("1");
    await subject.reopen();
    expect((await subject.subscribe()).listening.epoch).toBe(epoch);
  });
}
