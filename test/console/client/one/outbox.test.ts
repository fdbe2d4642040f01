import { describe, expect, test } from "bun:test";
import { backoff, retryDelay } from "../../../../src/client/line/backoff.ts";
import {
  BACKOFF_EARLY_ATTEMPTS,
  BACKOFF_EARLY_MAX_MS,
  BACKOFF_INITIAL_MS,
  BACKOFF_MAX_MS,
} from "../../../../src/client/options.ts";
import { createRateLimiter } from "../../../../src/client/requests/rate-limiter.ts";
import { createOutbox } from "../../../../src/console/client/one/outbox.ts";
import { Random, seeds } from "../../../support/random.ts";

describe("back-off", () => {
  test("doubles its limit up to the longest, which is lower for the early tries, and uses all of it", () => {
    const bounds = Array.from({ length: BACKOFF_EARLY_ATTEMPTS + 2 }, (_, attempt) => backoff(attempt, 1));
    expect(bounds.slice(0, 4)).toEqual([
      BACKOFF_INITIAL_MS,
      2 * BACKOFF_INITIAL_MS,
      BACKOFF_EARLY_MAX_MS,
      BACKOFF_EARLY_MAX_MS,
    ]);
    expect(bounds.slice(-3)).toEqual([BACKOFF_EARLY_MAX_MS, BACKOFF_MAX_MS, BACKOFF_MAX_MS]);
    expect(backoff(2_000, 0.5)).toBe(BACKOFF_MAX_MS / 2);
    expect(backoff(5, 0)).toBe(0);
  });

  /** When a client that was cut at 0 ms dials first after `until`; the tries before fail at once. */
  function backAfter(until: number, random: Random): number {
    let now = 0;
    for (let attempt = 0; now <= until; attempt++) now += backoff(attempt, random.next());
    return now - until;
  }

  test.each(seeds(20_261_130))(
    "after a short outage all are back within 8 s, after a long one within 24 s, and 5,000 are spread (seed %d)",
    (seed) => {
      const random = new Random(seed);
      const atOnce = 5_000 / (BACKOFF_INITIAL_MS / 1_000);
      for (const [outage, longest, late] of [
        [10_000, BACKOFF_EARLY_MAX_MS, 0],
        // Sixteen short waits in a row are rare.
        [30_000, BACKOFF_EARLY_MAX_MS, 50],
        [600_000, BACKOFF_MAX_MS, 0],
      ] as const) {
        const waits = Array.from({ length: 5_000 }, () => backAfter(outage, random));
        expect(waits.filter((wait) => wait > longest).length).toBeLessThanOrEqual(late);
        for (let second = 0; second < longest; second += 1_000)
          expect(waits.filter((wait) => wait >= second && wait < second + 1_000).length).toBeLessThan(atOnce);
      }
    },
  );

  test("is replaced by the time that the server gives", () => {
    expect(retryDelay(7.25, 9, 0.9)).toBe(7_250);
    expect(retryDelay(0, 9, 0.9)).toBe(0);
    expect(retryDelay(undefined, 1, 0.5)).toBe(BACKOFF_INITIAL_MS);
  });
});

describe("outbox", () => {
  const boxOf = (...ids: string[]) => {
    const box = createOutbox<{ id: string }>(10);
    for (const id of ids) box.add({ id });
    return box;
  };
  const idsOf = (box: ReturnType<typeof boxOf>) => box.all().map(({ id }) => id);

  test("sends one after the other, each after the ack of the last", () => {
    const box = boxOf("a", "b");
    expect(box.next(0)?.id).toBe("a");
    expect(box.next(0)).toBeUndefined();
    expect(box.readyAt()).toBe(Infinity);
    box.remove("a");
    expect(box.next(0)?.id).toBe("b");
  });

  test("sends again under the same id when the connection was lost", () => {
    const box = boxOf("a", "b");
    box.next(0);
    box.requeue();
    expect(box.next(0)?.id).toBe("a");
  });

  test("waits after a refusal, in its place, and counts refusals until an ack comes", () => {
    const box = boxOf("a", "b");
    const waits: number[] = [];
    const delay = (n: number) => {
      waits.push(n);
      return 100;
    };
    box.next(0);
    box.defer("a", 0, delay);
    expect(box.readyAt()).toBe(100);
    expect(box.next(99)).toBeUndefined();
    expect(box.next(100)?.id).toBe("a");
    box.defer("a", 100, delay);
    box.next(200);
    box.remove("a");
    box.next(200);
    box.defer("b", 200, delay);
    expect(waits).toEqual([0, 1, 0]);
    box.retryNow();
    expect(box.next(200)?.id).toBe("b");
  });

  test("accepts messages up to its limit, and saved ones come first, each once", () => {
    const box = createOutbox<{ id: string }>(2);
    expect([box.add({ id: "b" }), box.add({ id: "c" }), box.add({ id: "d" })]).toEqual([true, true, false]);
    box.addFirst([{ id: "a" }, { id: "b" }]);
    expect(idsOf(box)).toEqual(["a", "b", "c"]);
  });

  test("a message that is taken back leaves the others in order", () => {
    const box = boxOf("a", "b", "c");
    box.next(0);
    expect(box.remove("b")?.id).toBe("b");
    expect(box.remove("b")).toBeUndefined();
    expect(box.next(0)).toBeUndefined();
    box.remove("a");
    expect(box.next(0)?.id).toBe("c");
  });

  test.each(seeds(1, 2, 3, 4))(
    "D1 D3 against a server on a bad connection, all are stored once and in order (seed %d)",
    (seed) => {
      const random = new Random(seed);
      const box = createOutbox<{ id: string }>(1_000);
      const stored: string[] = [];
      let now = 0;
      for (let made = 0; made < 200 || box.all().length > 0; now++) {
        if (made < 200 && random.next() < 0.3) box.add({ id: `m${made++}` });
        const request = box.next(now);
        if (request === undefined) continue;
        const fate = random.next();
        if (fate < 0.2) box.defer(request.id, now, () => random.between(0, 5));
        else {
          if (fate < 0.8 && !stored.includes(request.id)) stored.push(request.id);
          if (fate < 0.6) box.remove(request.id);
          else box.requeue();
        }
      }
      expect(stored).toEqual(Array.from({ length: 200 }, (_, index) => `m${index}`));
    },
  );
});

describe("pace", () => {
  test("lets a burst through, then the rate per second; silence refills it", () => {
    const pace = createRateLimiter(10, 3);
    const sent: number[] = [];
    for (let now = 10_000; now <= 10_500; now += 10) {
      while (pace.readyAt() <= now) {
        pace.consume(now);
        sent.push(now - 10_000);
      }
    }
    expect(sent).toEqual([0, 0, 0, 100, 200, 300, 400, 500]);
    pace.pause(20_000);
    expect(pace.readyAt()).toBe(20_000);
  });

  test("a rate of 0 is no limit", () => {
    const pace = createRateLimiter(0, 30);
    for (let n = 0; n < 1_000; n++) pace.consume(5);
    expect(pace.readyAt()).toBeLessThanOrEqual(5);
  });
});
