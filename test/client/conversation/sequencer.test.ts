import { describe, expect, test } from "bun:test";
import { createMessageIterator } from "../../../src/client/conversation/message-iterator.ts";
import {
  createSequencer,
  type Lost,
  type Sequence,
  type SequenceItem,
} from "../../../src/client/conversation/sequencer.ts";
import { MAX_OUT_OF_ORDER, MAX_QUEUED } from "../../../src/client/options.ts";
import type { Message } from "../../../src/protocol/server-frames.ts";
import { Random, seeds } from "../../support/random.ts";

const messageOf = (seq: number): Message => ({ seq, id: `m${seq}`, from: "ann", text: `${seq}`, at: seq });
const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => messageOf(first + index));
const seqsOf = (delivered: readonly SequenceItem[]) =>
  delivered.map((item) =>
    "message" in item ? item.message.seq : "lost" in item ? item.lost : `change ${item.change.rev}`,
  );

describe("sequencer", () => {
  test("before the first opening nothing is missed; after it each message comes once", () => {
    const sequencer = createSequencer();
    expect(sequencer.place()).toBeUndefined();
    expect(sequencer.opened({ seq: 7, epoch: "e", resumed: false })).toEqual({ items: [] });
    expect(seqsOf([8, 8, 7, 9].flatMap((seq) => sequencer.message(messageOf(seq)).items))).toEqual([8, 9]);
    expect(sequencer.place()).toEqual({ seq: 9, epoch: "e" });
  });

  test("CH1 a change follows its message, and later ones wait for it; known ones are dropped", () => {
    const changeOf = (rev: number, seq: number) =>
      ({ rev, seq, kind: "edit", by: "ann", at: 1, set: {} }) as const;
    const sequencer = createSequencer({ seq: 3, epoch: "e", rev: 5 });
    sequencer.opened({ seq: 4, rev: 6, epoch: "e", resumed: false });
    expect(seqsOf(sequencer.change(changeOf(5, 2)).items)).toEqual([]);
    expect(seqsOf(sequencer.change(changeOf(6, 2)).items)).toEqual(["change 6"]);
    // Message 4 is being read.
    expect(seqsOf(sequencer.change(changeOf(7, 4)).items)).toEqual([]);
    expect(seqsOf(sequencer.change(changeOf(8, 1)).items)).toEqual([]);
    expect(sequencer.place()).toEqual({ seq: 3, epoch: "e", rev: 6 });
    expect(seqsOf(sequencer.page(range(4, 4), false).items)).toEqual([4, "change 7", "change 8"]);
    expect(sequencer.place()).toEqual({ seq: 4, epoch: "e", rev: 8 });
    // After a return folds begin at the newest change that was delivered; what must be read again is known.
    sequencer.change(changeOf(9, 6));
    sequencer.opened({ seq: 4, rev: 9, epoch: "e", resumed: true });
    expect(sequencer.place()).toMatchObject({ rev: 8 });
    sequencer.opened({ seq: 4, rev: 12, epoch: "e", resumed: true, reread: true });
    expect(sequencer.place()).toMatchObject({ rev: 12 });
    sequencer.opened({ seq: 1, rev: 2, epoch: "f", resumed: false });
    expect(sequencer.place()).toEqual({ seq: 1, epoch: "f", rev: 2 });
  });

  test("D4 a resumption is behind until the last missed message has come, and requests nothing", () => {
    const sequencer = createSequencer({ seq: 3, epoch: "e" });
    expect(sequencer.opened({ seq: 5, epoch: "e", resumed: true })).toEqual({ items: [] });
    expect(sequencer.isBehind()).toBe(true);
    expect(sequencer.message(messageOf(4))).toEqual({ items: [{ message: messageOf(4) }] });
    sequencer.message(messageOf(5));
    expect(sequencer.isBehind()).toBe(false);
  });

  test("without a resumption the missed messages are read, and new ones are held meanwhile", () => {
    const sequencer = createSequencer({ seq: 3, epoch: "e" });
    expect(sequencer.opened({ seq: 5, epoch: "e", resumed: false }).readAfter).toBe(3);
    expect(sequencer.message(messageOf(6))).toEqual({ items: [] });
    expect(seqsOf(sequencer.page(range(4, 5), false).items)).toEqual([4, 5, 6]);
  });

  test("D5 removed messages are reported as lost, in their position", () => {
    const sequencer = createSequencer({ seq: 3, epoch: "e" });
    const { items: delivered } = sequencer.opened({
      seq: 9,
      epoch: "e",
      resumed: true,
      lost: { first: 4, last: 6 },
    });
    expect(seqsOf([...delivered, ...sequencer.message(messageOf(7)).items])).toEqual([
      { first: 4, last: 6 },
      7,
    ]);
    const late = createSequencer({ seq: 3, epoch: "e" });
    late.opened({ seq: 9, epoch: "e", resumed: false });
    expect(seqsOf(late.page(range(8, 9), false).items)).toEqual([{ first: 4, last: 7 }, 8, 9]);
  });

  test("D5 another epoch of the store is reported, and begins at its newest message", () => {
    const sequencer = createSequencer({ seq: 30, epoch: "old" });
    expect(sequencer.opened({ seq: 2, epoch: "new", resumed: false })).toEqual({
      items: [{ lost: { epoch: "new" } }],
    });
    expect(seqsOf(sequencer.message(messageOf(3)).items)).toEqual([3]);
    expect(sequencer.place()).toEqual({ seq: 3, epoch: "new" });
  });

  test("a history that cannot be read is a loss up to the held messages", () => {
    const sequencer = createSequencer({ seq: 3, epoch: "e" });
    sequencer.opened({ seq: 3, epoch: "e", resumed: true });
    expect(sequencer.message(messageOf(6)).readAfter).toBe(3);
    expect(seqsOf(sequencer.page([], false).items)).toEqual([{ first: 4, last: 5 }, 6]);
  });

  test("holds a limited number, and reads the rest", () => {
    const sequencer = createSequencer({ seq: 0, epoch: "e" });
    sequencer.opened({ seq: 0, epoch: "e", resumed: true });
    const last = MAX_OUT_OF_ORDER + 100;
    for (const message of range(2, last)) sequencer.message(message);
    const { items: delivered, readAfter } = sequencer.page(range(1, 1), true);
    expect([delivered.length, readAfter]).toEqual([MAX_OUT_OF_ORDER + 1, MAX_OUT_OF_ORDER + 1]);
    expect(seqsOf(sequencer.page(range(MAX_OUT_OF_ORDER + 2, last), false).items).at(-1)).toBe(last);
  });

  test.each(seeds(1, 2, 3, 4, 5, 6))(
    "D1 D4 D5 on any connection, all messages are delivered once, in order, or reported as lost (seed %d)",
    (seed) => {
      const random = new Random(seed);
      const sequencer = createSequencer({ seq: 0, epoch: "e" });
      let newest = 0;
      let kept = 1;
      const delivered: SequenceItem[] = [];
      let asked: number | undefined;
      const take = (taken: Sequence) => {
        delivered.push(...taken.items);
        asked = taken.readAfter ?? asked;
      };
      const connect = () => {
        asked = undefined;
        take(sequencer.opened({ seq: newest, epoch: "e", resumed: false }));
      };
      connect();
      for (let n = 0; n < 2_000; n++) {
        const what = random.next();
        if (what < 0.5) {
          newest++;
          // A frame in ten is dropped, though no real connection does that: the inbox does not rely on it.
          if (random.next() < 0.9) take(sequencer.message(messageOf(newest)));
        } else if (what < 0.55) connect();
        else if (what < 0.56) kept = Math.min(newest, kept + random.between(0, 30));
        else if (asked !== undefined) {
          const first = Math.max(asked + 1, kept);
          const last = Math.min(newest, first + random.between(0, 20));
          asked = undefined;
          take(sequencer.page(range(first, last), last < newest));
        }
      }
      connect();
      while (asked !== undefined) {
        const first = Math.max(asked + 1, kept);
        asked = undefined;
        take(sequencer.page(range(first, newest), false));
      }
      const covered = delivered.flatMap((item) => {
        if ("message" in item) return [item.message.seq];
        if ("change" in item) return [];
        const { first, last } = item.lost as Exclude<Lost, { epoch: string }>;
        return range(first, last).map(({ seq }) => seq);
      });
      expect(covered).toEqual(range(1, newest).map(({ seq }) => seq));
      expect(delivered.filter((item) => "message" in item).length).toBeGreaterThan(500);
    },
  );
});

describe("reader", () => {
  const readerOf = (newest: () => number, lost: Lost[] = []) => {
    const reads: number[] = [];
    const reader = createMessageIterator({
      async readAfter(seq) {
        reads.push(seq);
        const last = Math.min(newest(), seq + 200);
        return { messages: range(seq + 1, last), more: last < newest() };
      },
      lost: (one) => lost.push(one),
      onEnd: () => {},
    });
    return { reader, reads };
  };

  test("a slow loop holds a limited number, and reads the rest when it gets there", async () => {
    let newest = 0;
    const { reader, reads } = readerOf(() => newest);
    const say = (count: number) => {
      for (let n = 0; n < count; n++) reader.push(messageOf(++newest));
    };
    say(MAX_QUEUED + 700);
    expect(reads).toEqual([]);
    const seen: number[] = [];
    for await (const { seq } of reader.messages) {
      seen.push(seq);
      if (seq === MAX_QUEUED + 100) say(5);
      if (seq === MAX_QUEUED + 705) break;
    }
    expect(seen).toEqual(range(1, MAX_QUEUED + 705).map(({ seq }) => seq));
    expect(reads[0]).toBe(MAX_QUEUED);
  });

  test("ends with what it has, and with the error", async () => {
    const { reader } = readerOf(() => 2);
    reader.push(messageOf(1));
    reader.end(new Error("closed"));
    expect((await reader.messages.next()).value).toEqual(messageOf(1));
    expect(reader.messages.next()).rejects.toThrow("closed");
  });
});
