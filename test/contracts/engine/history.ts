import { expect, test } from "bun:test";
import { MAX_HISTORY_BYTES } from "../../../src/core/conversation/history.ts";
import { QUOTA_WINDOW_MS } from "../../../src/core/conversation/quota.ts";
import type { HistoryRequest } from "../../../src/core/ports/message-log.ts";
import type { Message } from "../../../src/protocol/server-frames.ts";
import { type OpenEngine, Subject } from "./subject.ts";

type Case = readonly [
  what: string,
  fields: Pick<HistoryRequest, "before" | "after"> & { count: number },
  seqs: readonly number[],
  more: boolean,
];

/** The result of each request in a conversation of ten messages. */
const OF_TEN: readonly Case[] = [
  ["the newest", { count: 3 }, [8, 9, 10], true],
  ["exactly all", { count: 10 }, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false],
  ["more than there are", { count: 200 }, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false],
  ["below 5", { before: 5, count: 2 }, [3, 4], true],
  ["below 3, to the first", { before: 3, count: 2 }, [1, 2], false],
  ["below 3, fewer than asked for", { before: 3, count: 9 }, [1, 2], false],
  ["below the first", { before: 1, count: 5 }, [], false],
  ["below 0", { before: 0, count: 5 }, [], false],
  ["below the next", { before: 11, count: 2 }, [9, 10], true],
  ["below one far away", { before: 1_000_000, count: 2 }, [9, 10], true],
  ["above 0", { after: 0, count: 3 }, [1, 2, 3], true],
  ["above 7, to the newest", { after: 7, count: 3 }, [8, 9, 10], false],
  ["above 7, fewer than asked for", { after: 7, count: 50 }, [8, 9, 10], false],
  ["above 6, one short", { after: 6, count: 3 }, [7, 8, 9], true],
  ["above the newest", { after: 10, count: 3 }, [], false],
  ["above one far away", { after: 1_000_000, count: 3 }, [], false],
];

/** History: the messages, their order, the `more` flag, and the cost. */
export function historyContract(open: OpenEngine): void {
  test("D1 D2 history returns the requested messages in order, and whether there are more; after reopening too", async () => {
    await using subject = await Subject.open(open);
    await subject.fill(10);
    for (const round of ["fresh", "reopened"]) {
      for (const [what, fields, seqs, more] of OF_TEN) {
        const result = await subject.read(fields);
        expect([round, what, result.messages.map(({ seq }) => seq), result.more]).toEqual([
          round,
          what,
          [...seqs],
          more,
        ]);
      }
      if (round === "fresh") await subject.reopen();
    }
  });

  test("D1 history returns messages of its own conversation only, however the log mixes them", async () => {
    await using subject = await Subject.open(open);
    for (let round = 0; round < 3; round++) {
      const posts = Array.from({ length: 30 }, (_, i) =>
        subject.store(`${round}.${i}`, { conversation: `c${i % 3}`, text: `c${i % 3} ${round}.${i}` }),
      );
      await Promise.all(posts);
      if (round === 1) await subject.reopen();
    }
    for (const conversation of ["c0", "c1", "c2"]) {
      const { messages } = await subject.read({ conversation });
      expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
      expect(messages.every(({ text }) => text.startsWith(conversation))).toBe(true);
    }
  });

  test("D1 pages in either direction join without a gap or a repeat", async () => {
    await using subject = await Subject.open(open);
    await subject.fill(23);
    await subject.reopen();
    await Promise.all(Array.from({ length: 24 }, (_, i) => subject.store(`late ${i}`)));
    const all = Array.from({ length: 47 }, (_, i) => i + 1);
    const forward: number[] = [];
    for (let more = true; more; ) {
      const page = await subject.read({ after: forward.at(-1) ?? 0, count: 5 });
      forward.push(...page.messages.map(({ seq }) => seq));
      more = page.more;
    }
    expect(forward).toEqual(all);
    const backward: number[] = [];
    for (let more = true; more; ) {
      const page = await subject.read({ ...(backward.length > 0 && { before: backward[0]! }), count: 5 });
      backward.unshift(...page.messages.map(({ seq }) => seq));
      more = page.more;
    }
    expect(backward).toEqual(all);
  });

  test("D6 `data` is returned as it was sent, from every way of reading", async () => {
    await using subject = await Subject.open(open);
    const each: NonNullable<Message["data"]>[] = [
      { numbers: [1e20, 6.02214076e23, 9007199254740992, -9007199254740991, 0.1, 1e-300, 1.5] },
      {
        "\u0000": "\u0000",
        "\ufeff": "\ufeff",
        "": "",
        "10": 1,
        "2": 2,
        constructor: 1,
        toString: [1, null, true],
      },
      { half: "\ud800", "\udfff": "\udfff\ud800", lines: "\u2028\u2029\r\n", "</script>": "\u007f\u0085" },
    ];
    for (const [index, data] of each.entries()) await subject.store(`m${index}`, { data });
    for (const round of ["fresh", "reopened"]) {
      const page = await subject.read({ count: 10 });
      expect([round, page.messages.map(({ data }) => data)]).toEqual([round, each]);
      if (round === "fresh") await subject.reopen();
    }
  });

  // Bytes, as they are sent: counted in UTF-16 units, a page had a megabyte and closed its reader.
  test.each([
    ["three bytes each", "漢".repeat(20_000)],
    ["six bytes each in JSON", "\u0001".repeat(10_000)],
  ])("B1 a page of characters with %s is cut at its budget, too", async (_what, text) => {
    await using subject = await Subject.open(open);
    await subject.fill(15, { text });
    const page = await subject.read();
    expect(page.more).toBe(true);
    expect(page.messages.length).toBeGreaterThan(1);
    expect(Buffer.byteLength(JSON.stringify(page.messages))).toBeLessThan(MAX_HISTORY_BYTES * 1.1);
  });

  test("B1 a page of long messages is cut at its budget with `more`; the pages still join in either direction", async () => {
    await using subject = await Subject.open(open);
    const long = "x".repeat(60_000);
    const count = 2 * Math.ceil(MAX_HISTORY_BYTES / long.length) + 1;
    await subject.fill(count, { text: long });
    const all = Array.from({ length: count }, (_, i) => i + 1);
    const size = (texts: readonly { text: string }[]) =>
      texts.reduce((sum, { text }) => sum + text.length, 0);

    const forward: number[] = [];
    for (let more = true; more; ) {
      const page = await subject.read({ after: forward.at(-1) ?? 0 });
      expect(size(page.messages)).toBeLessThanOrEqual(MAX_HISTORY_BYTES);
      forward.push(...page.messages.map(({ seq }) => seq));
      more = page.more;
    }
    expect(forward).toEqual(all);
    const newest = await subject.read();
    expect(newest.more).toBe(true);
    expect(newest.messages.at(-1)?.seq).toBe(count);
    const older = await subject.read({ before: newest.messages[0]!.seq });
    expect(older.messages.at(-1)?.seq).toBe(newest.messages[0]!.seq - 1);
  });

  test("D1 history in a batch returns the posts before it in that batch, and not those after it", async () => {
    await using subject = await Subject.open(open);
    const first = subject.post("1");
    const reading = subject.read();
    const second = subject.post("2");
    expect((await reading).messages.map(({ seq }) => seq)).toEqual([1]);
    await Promise.all([first, second]);
  });

  test("D1 an unused conversation is empty, and reading it does not change that", async () => {
    await using subject = await Subject.open(open);
    for (const fields of [{}, { before: 5 }, { after: 0 }])
      expect(await subject.read({ conversation: "silent", ...fields })).toMatchObject({
        messages: [],
        more: false,
      });
    expect((await subject.store("1", { conversation: "silent" })).seq).toBe(1);
  });

  test("Q2 history costs one request, whatever its size; a refused one costs and reads nothing", async () => {
    await using subject = await Subject.open(open);
    await subject.fill(10);
    const asked = { user: "reader", limit: 2 };
    expect((await subject.read({ ...asked, count: 200 })).quota?.remaining).toBe(1);
    subject.clock.advance(1_000);
    expect((await subject.read({ ...asked, conversation: "silent" })).quota?.remaining).toBe(0);
    expect(await subject.history(asked)).toEqual({
      outcome: "rate_limited",
      retryAfter: QUOTA_WINDOW_MS - 1_000,
      quota: { limit: 2, remaining: 0, reset: 3_600 },
    });
    subject.clock.jump(QUOTA_WINDOW_MS - 1_001);
    expect(await subject.history(asked)).toMatchObject({ outcome: "rate_limited", retryAfter: 1 });
    subject.clock.advance(1);
    expect((await subject.read(asked)).messages).toHaveLength(10);
  });
}
