import { expect, test } from "bun:test";
import { MAX_HISTORY_BYTES } from "../../../src/core/conversation/history.ts";
import { decodeEntry } from "../../support/entries.ts";
import { Random, seeds } from "../../support/random.ts";
import { type OpenEngine, Subject } from "./subject.ts";

type Case = readonly [what: string, after: number, upTo: number, count: number, seqs: readonly number[]];

/** The result of each page request in a conversation of ten messages. */
const OF_TEN: readonly Case[] = [
  ["all", 0, 10, 200, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  ["the first", 0, 10, 3, [1, 2, 3]],
  ["what follows", 3, 10, 3, [4, 5, 6]],
  ["up to a message", 3, 5, 200, [4, 5]],
  ["one", 9, 10, 200, [10]],
  ["nothing missed", 10, 10, 200, []],
  ["beyond the newest", 8, 1_000, 200, [9, 10]],
  ["far beyond the newest", 1_000, 2_000, 200, []],
  ["backwards", 7, 3, 200, []],
];

/** Resuming: the missed messages, in pages, without a charge and without delaying posts. */
export function resumingContract(open: OpenEngine): void {
  test("D4 a page holds exactly the requested messages, in order; after reopening too", async () => {
    await using subject = await Subject.open(open);
    await Promise.all([subject.fill(10), subject.fill(3, { conversation: "other" })]);
    for (const round of ["fresh", "reopened"]) {
      for (const [what, after, upTo, count, seqs] of OF_TEN) {
        const page = await subject.engine.page("room", after, upTo, count);
        expect([round, what, page?.map(({ seq }) => seq)]).toEqual([round, what, [...seqs]]);
      }
      if (round === "fresh") await subject.reopen();
    }
    expect(await subject.engine.page("silent", 0, 10, 5)).toEqual([]);
  });

  test("D4 D1 a page holds whole messages, as they were announced", async () => {
    await using subject = await Subject.open(open);
    const { received } = await subject.subscribe();
    await subject.store("a", { text: "hello", data: { x: [1, null] } });
    await subject.store("b", { user: "ben" });
    expect((await subject.engine.page("room", 0, 2, 9))?.map(decodeEntry)).toEqual(received);
  });

  test("D4 B1 pages of long messages are cut at their budget, never empty, and join", async () => {
    await using subject = await Subject.open(open);
    const long = "x".repeat(60_000);
    const count = 2 * Math.ceil(MAX_HISTORY_BYTES / long.length) + 1;
    await Promise.all(Array.from({ length: count }, (_, i) => subject.store(String(i), { text: long })));
    const joined: number[] = [];
    let pages = 0;
    for (; joined.length < count; pages++) {
      const page = await subject.engine.page("room", joined.at(-1) ?? 0, count, 200);
      expect(page!.length).toBeGreaterThan(0);
      joined.push(...page!.map(({ seq }) => seq));
    }
    expect(pages).toBeGreaterThan(2);
    expect(joined).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  });

  test("Q2 reading pages costs nothing", async () => {
    await using subject = await Subject.open(open);
    await subject.store("1", { limit: 5 });
    for (let i = 0; i < 10; i++) await subject.engine.page("room", 0, 1, 5);
    expect(await subject.engine.quota("anna", 5)).toMatchObject({ remaining: 4 });
  });

  for (const seed of seeds(31, 32)) {
    test(`D4 pages up to the subscription's start plus its messages are everything, once, in order (seed ${seed})`, async () => {
      await using subject = await Subject.open(open);
      const random = new Random(seed);
      await subject.fill(50);
      const posting: Promise<unknown>[] = [];
      const comingBack: Promise<void>[] = [];
      const all = () => Array.from({ length: posting.length + 50 }, (_, i) => i + 1);
      const comeBack = async (after: number) => {
        const { listening, received } = await subject.subscribe();
        const missed: number[] = [];
        while ((missed.at(-1) ?? after) < listening.seq) {
          const from = missed.at(-1) ?? after;
          const page = await subject.engine.page("room", from, listening.seq, random.between(1, 20));
          missed.push(...page!.map(({ seq }) => seq));
        }
        await done;
        await Promise.all(posting);
        expect([...missed, ...received.map(({ seq }) => seq)]).toEqual(all().slice(after));
      };
      const { promise: done, resolve: finish } = Promise.withResolvers<void>();
      for (let turn = 0; turn < 40; turn++) {
        for (let i = random.between(0, 5); i > 0; i--) posting.push(subject.store(`${turn}.${i}`));
        if (random.next() < 0.5) comingBack.push(comeBack(random.between(0, 50)));
        if (random.next() < 0.5) await Promise.all(posting);
      }
      finish();
      await Promise.all(comingBack);
    });
  }

  test("D4 B1 posts go before pages, however many pages are requested; pages are served in their order", async () => {
    await using subject = await Subject.open(open);
    await subject.fill(200);
    const served: number[] = [];
    const pages = Array.from({ length: 150 }, async (_, i) => {
      await subject.engine.page("room", i, 200, 50);
      served.push(i);
    });
    await subject.store("201");
    await subject.store("202");
    // Two posts one after the other take a few turns of the event loop; all pages in one go would come before them.
    expect(served.length).toBeLessThan(20);
    await Promise.all(pages);
    expect(served).toEqual(Array.from({ length: 150 }, (_, i) => i));
  });

  test("L1 D4 after closing, and for callers that wait then, a page is undefined: never an empty one", async () => {
    await using subject = await Subject.open(open);
    await subject.fill(3);
    const waiting = Array.from({ length: 5 }, (_, i) => subject.engine.page("room", 0, 3, i + 1));
    await subject.engine.close();
    for (const page of await Promise.all(waiting)) expect(page === undefined || page.length > 0).toBe(true);
    expect(await subject.engine.page("room", 0, 3, 5)).toBeUndefined();
  });

  test("D4 the head of a conversation is available at any moment", async () => {
    await using subject = await Subject.open(open);
    const { epoch } = (await subject.subscribe()).listening;
    expect(await subject.engine.head("room")).toEqual({ seq: 0, first: 1, epoch, rev: 0 });
    await subject.fill(3);
    expect(await subject.engine.head("room")).toEqual({ seq: 3, first: 1, epoch, rev: 0 });
    await subject.reopen();
    expect(await subject.engine.head("room")).toEqual({ seq: 3, first: 1, epoch, rev: 0 });
  });
}
