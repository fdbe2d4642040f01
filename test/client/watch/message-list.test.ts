import { describe, expect, test } from "bun:test";
import type { Message } from "../../../src/client/message.ts";
import { ParleyError } from "../../../src/client/types/error.ts";
import {
  EMPTY_LIST,
  type ListEvent,
  type ListState,
  listStep,
  startOf,
} from "../../../src/client/watch/message-list.ts";
import { Random, seeds } from "../../support/random.ts";

const messageOf = (seq: number, from = "ben"): Message => ({
  seq,
  id: `m${seq}`,
  from,
  text: `${seq}`,
  at: seq,
});
const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => messageOf(first + index));

const run = (...events: readonly ListEvent[]) =>
  events.reduce((state, event) => listStep(state, event, "ann"), EMPTY_LIST);
const page = (first: number, last: number, more = false): ListEvent => ({
  type: "page",
  messages: range(first, last),
  more,
});
const shown = ({ entries }: ListState) =>
  entries.map(({ seq, state, text }) => (state === "stored" ? seq : `${state} ${text}`));
const opened: ListEvent = { type: "opened", seq: 9, read: 4 };
const live: ListEvent = { type: "live", isLive: true };
const pending = (...ids: string[]): ListEvent => ({
  type: "pending",
  pending: ids.map((id) => ({ id, text: id })),
  at: 7,
});
const refused = new ParleyError("muted" as never, "You are muted.", { until: 9, conversation: "lobby" });

describe("status", () => {
  test("is loading until the first page, then ready, and stale while the line is down", () => {
    const state = run(opened, live);
    expect(state.status).toBe("loading");
    const ready = listStep(listStep(state, page(5, 9, true), "ann"), live, "ann");
    expect(ready).toMatchObject({ status: "ready", hasOlder: true, read: 4 });
    expect(listStep(ready, { type: "live", isLive: false }, "ann").status).toBe("stale");
    // An empty conversation needs no page.
    expect(run({ type: "opened", seq: 0, read: 0 }, live)).toMatchObject({
      status: "ready",
      hasOlder: false,
    });
  });

  test("an event that changes nothing gives the same object", () => {
    const state = run(opened, page(5, 9), live);
    for (const event of [
      live,
      { type: "read", seq: 3 },
      pending(),
      { type: "discarded", id: "x" },
    ] as ListEvent[])
      expect(listStep(state, event, "ann")).toBe(state);
  });
});

describe("messages", () => {
  test("are in the order of `seq`, each once, wherever they come from", () => {
    expect(
      shown(run(opened, page(7, 9, true), page(5, 7, true), { type: "message", message: messageOf(10) })),
    ).toEqual([5, 6, 7, 8, 9, 10]);
  });

  test("older ones are loaded before the first; the page without `more` ends it", () => {
    const state = run(opened, page(7, 9, true));
    expect([startOf(state), state.hasOlder]).toEqual([7, true]);
    expect(listStep(state, page(4, 6, false), "ann")).toMatchObject({ hasOlder: false });
    expect(listStep(state, { type: "page", messages: [], more: false }, "ann").hasOlder).toBe(false);
  });

  test("D5 a hole is filled first; lost messages are no hole", () => {
    const jumped = run(opened, page(8, 9, true), page(2, 4, true));
    expect(shown(jumped)).toEqual([2, 3, 4, 8, 9]);
    expect([startOf(jumped), jumped.hasOlder]).toEqual([8, true]);
    const filled = listStep(jumped, page(5, 7, true), "ann");
    expect([startOf(filled), filled.hasOlder]).toEqual([2, true]);
    const lost = listStep(jumped, { type: "lost", lost: { first: 5, last: 7 } }, "ann");
    expect([startOf(lost), lost.lost]).toEqual([2, [{ first: 5, last: 7 }]]);
  });

  test("MX7 what was skipped at a return is a hole", () => {
    const state = run(
      opened,
      page(8, 9, false),
      { type: "opened", seq: 30, read: 4 },
      { type: "message", message: messageOf(30) },
    );
    expect([shown(state), startOf(state), state.hasOlder]).toEqual([[8, 9, 30], 30, true]);
  });

  test("D5 a new epoch empties the list, but for the own messages that wait", () => {
    const state = run(opened, page(8, 9), pending("mine"), { type: "lost", lost: { epoch: "new" } });
    expect([shown(state), state.lost, state.isLoaded]).toEqual([["pending mine"], [{ epoch: "new" }], false]);
  });
});

describe("own messages", () => {
  test("are there from the writing on, keep their key, and end among the stored ones", () => {
    const written = run(opened, page(9, 9), pending("m10"));
    expect(written.entries.at(-1)).toEqual({
      key: "m10",
      state: "pending",
      own: true,
      id: "m10",
      from: "ann",
      text: "m10",
      at: 7,
      myReactions: [],
    });
    const acked = listStep(
      written,
      { type: "acked", ack: { id: "m10", seq: 10, at: 8, quota: null } },
      "ann",
    );
    expect(acked.entries.at(-1)).toEqual({
      key: "m10",
      state: "stored",
      own: true,
      seq: 10,
      id: "m10",
      from: "ann",
      text: "m10",
      at: 8,
      myReactions: [],
    });
    const received = listStep(acked, { type: "message", message: messageOf(10, "ann") }, "ann");
    expect([shown(received), received.entries.at(-1)!.key]).toEqual([[9, 10], "m10"]);
  });

  test("an id is a name for one user: another's message with the same id is another entry", () => {
    const state = run(opened, pending("m10"), { type: "message", message: messageOf(10) });
    expect(state.entries.map(({ key }) => key)).toEqual(["ben\nm10", "m10"]);
  });

  test("a refused one fails and stays, until it is retried or discarded", () => {
    const message = { id: "m10", text: "m10" };
    const failed = run(opened, page(9, 9), pending("m10", "m11"), {
      type: "failed",
      message,
      error: refused,
      at: 8,
    });
    expect(shown(failed)).toEqual([9, "failed m10", "pending m11"]);
    expect(failed.entries[1]!.error).toBe(refused);
    // The outbox no longer has it, and says so at each change.
    expect(shown(listStep(failed, pending("m11"), "ann"))).toEqual([9, "failed m10", "pending m11"]);
    const retried = listStep(failed, pending("m11", "m10"), "ann");
    expect(shown(retried)).toEqual([9, "pending m11", "pending m10"]);
    expect(retried.entries[2]!.error).toBeUndefined();
    expect(shown(listStep(failed, { type: "discarded", id: "m10" }, "ann"))).toEqual([9, "pending m11"]);
  });

  test("one that its sender cancelled is dropped", () => {
    const message = { id: "m10", text: "m10" };
    expect(
      shown(run(pending("m10"), { type: "failed", message, error: new Error("never mind"), at: 8 })),
    ).toEqual([]);
  });
});

test.each(seeds(1, 2, 3, 4, 5))(
  "whatever the order of pages and messages, the list is sorted, without doubles (seed %d)",
  (seed) => {
    const random = new Random(seed);
    let state = run(opened);
    for (let round = 0; round < 100; round++) {
      const first = random.between(1, 40);
      const event = random.pick<ListEvent>([
        page(first, first + random.between(0, 5), random.pick([true, true, false])),
        { type: "message", message: messageOf(first) },
      ]);
      state = listStep(state, event, "ann");
      const seqs = state.entries.map(({ seq }) => seq!);
      expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
      // The newest block begins at `startOf`, has no hole, and ends with the newest message.
      const start = startOf(state);
      for (let seq = start; seq <= state.newest; seq++) expect(seqs).toContain(seq);
      expect(seqs).not.toContain(start - 1);
    }
  },
);

describe("messages that are being written", () => {
  const stream = (text: string, n: number, from = "ben"): ListEvent => ({
    type: "stream",
    stream: "s",
    id: "m10",
    from,
    n,
    text,
    reply_to: 4,
    at: 7,
  });
  const append = (after: number, n: number, text: string): ListEvent => ({
    type: "stream_append",
    stream: "s",
    after,
    n,
    text,
  });

  test("an entry grows, is replaced by a snapshot, and is stored under the same key", () => {
    const grown = run(opened, page(5, 9), stream("a", 1), append(1, 3, "bc"));
    const entry = grown.entries.at(-1)!;
    expect(entry).toEqual({
      key: "ben\nm10",
      state: "streaming",
      own: false,
      streamId: "s",
      id: "m10",
      from: "ben",
      n: 3,
      text: "abc",
      reply_to: 4,
      at: 7,
      myReactions: [],
    } as never);
    // What does not follow changes nothing.
    for (const event of [append(1, 3, "bc"), append(4, 5, "e")])
      expect(listStep(grown, event, "ann")).toBe(grown);
    const restarted = listStep(grown, stream("", 0), "ann");
    expect(restarted.entries.at(-1)).toMatchObject({ key: entry.key, text: "" });
    const message = { ...messageOf(10), stream: { stream: "s", state: "done" as const } };
    const stored = listStep(restarted, { type: "message", message }, "ann");
    expect(stored.entries.at(-1)).toEqual({
      ...message,
      key: entry.key,
      state: "stored",
      own: false,
      myReactions: [],
    });
    expect(stored.streaming).toEqual([]);
    // Nothing comes after the message.
    for (const event of [stream("a", 1), append(0, 1, "a")])
      expect(listStep(stored, event, "ann")).toBe(stored);
  });

  test("a stream that ended while the line was down is the message, also one of a page", () => {
    const grown = run(opened, page(5, 9), stream("a", 1));
    expect(listStep(grown, opened, "ann").entries).toHaveLength(5);
    expect(shown(listStep(grown, page(10, 10), "ann"))).toEqual([5, 6, 7, 8, 9, 10]);
  });
});
