import { expect, test } from "bun:test";
import type { Subscription } from "../../../src/core/ports/engine.ts";
import type { Message } from "../../../src/protocol/server-frames.ts";
import { Random, seeds } from "../../support/random.ts";
import { type OpenEngine, Subject } from "./subject.ts";

/** Listening: from a known number on, nothing missed and nothing twice. */
export function subscribingContract(open: OpenEngine): void {
  test("D1 listening begins at the newest number, 0 where nobody has spoken, also after reopening", async () => {
    await using subject = await Subject.open(open);
    expect((await subject.listen()).listening.seq).toBe(0);
    await subject.fill(3);
    expect((await subject.listen()).listening.seq).toBe(3);
    expect((await subject.listen("other")).listening.seq).toBe(0);
    await subject.reopen();
    expect((await subject.listen()).listening.seq).toBe(3);
  });

  test("D1 a listener hears its own conversation, whole messages, and is told which conversation it is", async () => {
    await using subject = await Subject.open(open);
    const calls: [string, Message][] = [];
    await subject.engine.subscribe("room", (conversation, message) => calls.push([conversation, message]));
    const { at } = await subject.store("a", { text: "hello", data: { x: 1 } });
    await subject.store("b", { conversation: "other" });
    const message = { seq: 1, id: "a", from: "anna", text: "hello", data: { x: 1 }, at };
    expect(calls).toEqual([["room", message]]);
  });

  for (const seed of seeds(21, 22)) {
    test(`D1 whoever begins to listen in the middle of a stream misses and repeats nothing (seed ${seed})`, async () => {
      await using subject = await Subject.open(open);
      const random = new Random(seed);
      const listeners: { listening: Subscription; heard: Message[] }[] = [];
      const under: Promise<unknown>[] = [];
      for (let turn = 0; turn < 60; turn++) {
        for (let i = random.between(0, 4); i > 0; i--) under.push(subject.store(`${turn}.${i}`));
        // Sometimes beside a batch that is under way, sometimes after it.
        const beginning = random.next() < 0.5 ? subject.listen() : undefined;
        for (let i = random.between(0, 4); i > 0; i--) under.push(subject.store(`${turn}.${i} after`));
        if (beginning !== undefined) listeners.push(await beginning);
        if (random.next() < 0.5) await Promise.all(under);
      }
      await Promise.all(under);
      const { seq: newest } = await subject.store("last");
      for (const { listening, heard } of listeners) {
        const expected = Array.from({ length: newest - listening.seq }, (_, i) => listening.seq + 1 + i);
        expect(heard.map(({ seq }) => seq)).toEqual(expected);
      }
    });
  }

  test("D1 listening that begins inside an announcement, or inside `done`, has the same seam", async () => {
    // A batch of three is announced one by one. A listener that came in between was told the number of the last one,
    // and then heard the rest of the batch: messages it had been told were in the past.
    await using subject = await Subject.open(open);
    const late: Promise<{ listening: Subscription; heard: Message[] }>[] = [];
    const first = await subject.engine.subscribe("room", (_, { seq }) => {
      if (seq === 1) late.push(subject.listen());
    });
    subject.engine.post({ conversation: "room", user: "anna", id: "1", text: "", limit: 0 }, () =>
      late.push(subject.listen()),
    );
    await Promise.all([subject.store("2"), subject.store("3")]);
    await subject.store("4");
    first.stop();
    expect(late).toHaveLength(2);
    for (const { listening, heard } of await Promise.all(late)) {
      expect(listening.seq).toBeGreaterThanOrEqual(1);
      expect(heard.map(({ seq }) => seq)).toEqual([2, 3, 4].filter((seq) => seq > listening.seq));
    }
  });

  test("D1 a listener that stopped hears nothing more, not even the rest of a batch, and others go on", async () => {
    await using subject = await Subject.open(open);
    const heard: number[] = [];
    const stopping = await subject.engine.subscribe("room", (_, { seq }) => {
      heard.push(seq);
      if (seq === 2) stopping.stop();
    });
    const other = await subject.listen();
    await subject.fill(3);
    await subject.store("4");
    expect(heard).toEqual([1, 2]);
    expect(other.heard).toHaveLength(4);
    stopping.stop();
    const again = await subject.listen();
    stopping.stop();
    await subject.store("5");
    expect(again.heard.map(({ seq }) => seq)).toEqual([5]);
  });

  test("D1 a listener that another one stops in the middle of an announcement is not called for it any more", async () => {
    await using subject = await Subject.open(open);
    const heard: string[] = [];
    const stops: (() => void)[] = [];
    for (const name of ["first", "second"]) {
      const listening = await subject.engine.subscribe("room", () => {
        heard.push(name);
        for (const stop of stops) stop();
      });
      stops.push(() => listening.stop());
    }
    await subject.fill(2);
    expect(heard).toHaveLength(1);
  });

  test("D2 a listener that fails keeps neither the other listeners nor the sender from hearing", async () => {
    // `done` MUST be called exactly once; a fault in one listener had swallowed it, and the sender waited for ever.
    await using subject = await Subject.open(open);
    await subject.engine.subscribe("room", () => {
      throw new Error("a listener's fault, made on purpose");
    });
    const { heard } = await subject.listen();
    await subject.fill(2);
    expect(heard.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test("D5 the epoch is the store's: the same for every conversation, and after reopening", async () => {
    await using subject = await Subject.open(open);
    const { epoch } = (await subject.listen()).listening;
    expect(epoch).not.toBe("");
    expect((await subject.listen("other")).listening.epoch).toBe(epoch);
    await subject.store("1");
    await subject.reopen();
    expect((await subject.listen()).listening.epoch).toBe(epoch);
  });
}
