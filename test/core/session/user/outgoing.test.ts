import { describe, expect, test } from "bun:test";
import { conversationsBehind } from "../../../../src/core/session/user/behind.ts";
import { OutgoingQueue, QUANTUM } from "../../../../src/core/session/user/outgoing.ts";
import { Random, seeds } from "../../../support/random.ts";

const UNLIMITED = Number.POSITIVE_INFINITY;

/** Takes up to `count` frames, whatever their length. */
function take(queue: OutgoingQueue, count = UNLIMITED): string[] {
  const frames: string[] = [];
  for (let next = queue.take(UNLIMITED, true); next !== undefined; next = queue.take(UNLIMITED, true)) {
    frames.push(next.frame);
    if (frames.length >= count) break;
  }
  return frames;
}

/** Adds `count` frames of `bytes` bytes to a lane, named after it: `a1`, `a2` … */
function fill(queue: OutgoingQueue, lane: string, count: number, bytes: number, isPage = false): void {
  for (let i = 1; i <= count; i++) queue.add(lane, `${lane}${i}`, bytes, isPage);
}

describe("MX4 the frames that wait for the line of a user's socket", () => {
  test("MX4 a frame about the connection goes before all others", () => {
    const queue = new OutgoingQueue();
    fill(queue, "a", 2, 100);
    queue.addFirst("pong", 20);
    expect(take(queue)).toEqual(["pong", "a1", "a2"]);
  });

  test("MX4 two busy conversations take turns, however many frames each has", () => {
    const queue = new OutgoingQueue();
    fill(queue, "a", 1_000, QUANTUM / 4);
    fill(queue, "b", 8, QUANTUM / 4);
    expect(take(queue, 12)).toEqual(["a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4", "a5", "a6", "a7", "a8"]);
  });

  test("MX2 MX4 a small answer in another conversation overtakes a page, and what a busy one has", () => {
    const queue = new OutgoingQueue();
    fill(queue, "page", 50, 1_000, true);
    fill(queue, "busy", 50, 1_000);
    take(queue, 20);
    queue.add("other", "ack", 150, false);
    expect(take(queue, 1)).toEqual(["ack"]);
  });

  test("MX2 a page goes behind answers that come later in other conversations, and before none of its own", () => {
    const queue = new OutgoingQueue();
    fill(queue, "page", 2, 1_000, true);
    queue.add("page", "ack", 150, false);
    queue.add("other", "other", 150, false);
    expect(take(queue)).toEqual(["other", "page1", "page2", "ack"]);
  });

  test("MX4 a conversation that is empty again and again does not keep a busy one waiting", () => {
    const queue = new OutgoingQueue();
    fill(queue, "busy", 10, QUANTUM);
    let small = 0;
    const order: string[] = [];
    for (let i = 0; i < 8; i++) {
      queue.add("small", `small${++small}`, QUANTUM, false);
      order.push(...take(queue, 1));
    }
    expect(order.filter((frame) => frame.startsWith("busy")).length).toBeGreaterThanOrEqual(3);
  });

  test("MX4 no more bytes are taken than there is room for, except for one frame where nothing is before it", () => {
    const queue = new OutgoingQueue();
    fill(queue, "a", 2, 1_000);
    expect(queue.take(999, false)).toBeUndefined();
    expect(queue.take(999, true)).toMatchObject({ frame: "a1" });
    expect(queue.take(1_000, false)).toMatchObject({ frame: "a2" });
  });

  test("MX4 a conversation that is dropped leaves nothing behind, and can be used again", () => {
    const queue = new OutgoingQueue();
    fill(queue, "a", 3, 100);
    fill(queue, "b", 1, 100);
    queue.drop("a");
    expect([queue.bytes, queue.length, queue.isEmpty("a")]).toEqual([100, 1, true]);
    queue.add("a", "closed", 50, false);
    expect(take(queue).sort()).toEqual(["b1", "closed"]);
    expect([queue.bytes, queue.length]).toEqual([0, 0]);
  });

  test("B1 the bytes of pages are no back-pressure, and the last one of a page is reported", () => {
    const queue = new OutgoingQueue();
    fill(queue, "a", 2, 1_000, true);
    expect([queue.bytes, queue.length, queue.hasPages("a")]).toEqual([0, 2, true]);
    expect(queue.take(UNLIMITED, true)?.pagesLeft).toBeUndefined();
    expect(queue.take(UNLIMITED, true)?.pagesLeft).toBe("a");
    expect(queue.hasPages("a")).toBe(false);
  });

  test.each(seeds(1, 2, 3, 4))(
    "MX1 MX4 in any mixture nothing is lost, each conversation keeps its order, and the sums are right (seed %d)",
    (seed) => {
      const random = new Random(seed);
      const queue = new OutgoingQueue();
      const waiting = new Map<string, { frame: string; bytes: number; isPage: boolean }[]>();
      let made = 0;
      for (let i = 0; i < 5_000; i++) {
        const lane = `lane-${random.between(1, 8)}`;
        const own = waiting.get(lane) ?? [];
        waiting.set(lane, own);
        const action = random.between(1, 20);
        if (action <= 10) {
          const frame = { frame: `${lane}/${++made}`, bytes: random.between(1, 70_000), isPage: action <= 3 };
          own.push(frame);
          queue.add(lane, frame.frame, frame.bytes, frame.isPage);
        } else if (action === 11 && random.between(1, 10) === 1) {
          queue.drop(lane);
          own.length = 0;
        } else {
          const next = queue.take(UNLIMITED, true);
          if (next === undefined) expect([...waiting.values()].flat()).toEqual([]);
          else {
            const from = next.frame.split("/")[0]!;
            expect(waiting.get(from)?.shift()?.frame).toBe(next.frame);
            const pages = waiting.get(from)?.some(({ isPage }) => isPage) ?? false;
            if (next.pagesLeft !== undefined) expect([next.pagesLeft, pages]).toEqual([from, false]);
          }
        }
        const all = [...waiting.values()].flat();
        expect(queue.length).toBe(all.length);
        expect(queue.bytes).toBe(all.reduce((sum, one) => sum + (one.isPage ? 0 : one.bytes), 0));
      }
    },
  );

  test.each(seeds(1, 2, 3))(
    "MX4 busy conversations get equal shares of the line, whatever the length of their frames (seed %d)",
    (seed) => {
      const random = new Random(seed);
      const queue = new OutgoingQueue();
      const longest = 16_000;
      const sizes = new Map<string, number>();
      for (let lane = 0; lane < 6; lane++) {
        const most = random.between(100, longest);
        for (let i = 0; i < 4_000; i++) {
          const frame = `${lane}/${i}`;
          const bytes = random.between(50, most);
          sizes.set(frame, bytes);
          queue.add(`${lane}`, frame, bytes, false);
        }
      }
      const shares = new Map<string, number>();
      for (const frame of take(queue, 1_000)) {
        const lane = frame.split("/")[0]!;
        shares.set(lane, (shares.get(lane) ?? 0) + sizes.get(frame)!);
      }
      const sent = [...shares.values()];
      expect(sent).toHaveLength(6);
      expect(Math.max(...sent) - Math.min(...sent)).toBeLessThanOrEqual(2 * (QUANTUM + longest));
    },
  );
});

describe("MX4 the conversations that are closed when too much waits", () => {
  const lanes = [
    { conversation: "most", bytes: 700 },
    { conversation: "much", bytes: 400 },
    { conversation: "little", bytes: 10 },
  ];

  test.each([
    [1_000, []],
    [1_001, ["most"]],
    [1_700, ["most"]],
    [1_701, ["most", "much"]],
    // What waits beside the conversations is too much by itself: closing them does not help.
    [2_200, []],
  ])("MX4 of %d bytes, of which 1,000 may wait: %o", (unsent, expected) => {
    expect(conversationsBehind(lanes, unsent, 1_000)).toEqual(expected as string[]);
  });
});
