import { expect, test } from "bun:test";
import {
  ANNOUNCE_EACH,
  type Announcing,
  type AnnouncingEvent,
  type AnnouncingStep,
  COUNT_INTERVAL_MS,
  hasUnsentCount,
  LISTED_AGAIN_AT,
  MAX_LISTED,
  stepAnnouncing,
} from "../../../../src/core/conversation/presence/announcing.ts";
import { Random, seeds } from "../../../support/random.ts";

const NOW = 1_000_000;
const WAITS = NOW - COUNT_INTERVAL_MS + 1;
const IS_DUE = NOW - COUNT_INTERVAL_MS;

const each = (sentAt: number): Announcing => ({ mode: "each", sent: undefined, sentAt });
const counts = (sent: number | undefined, sentAt: number): Announcing => ({ mode: "count", sent, sentAt });

// Every mode, event and number of users, a number that was sent and one that was not, before and after the second is over.
const TABLE: readonly [Announcing, AnnouncingEvent, number, AnnouncingStep["send"], Announcing][] = [
  [ANNOUNCE_EACH, "changed", 0, "presence", ANNOUNCE_EACH],
  [ANNOUNCE_EACH, "changed", 80, "presence", ANNOUNCE_EACH],
  [ANNOUNCE_EACH, "changed", 81, "presence", ANNOUNCE_EACH],
  [ANNOUNCE_EACH, "changed", 100, "presence", ANNOUNCE_EACH],
  [ANNOUNCE_EACH, "changed", 101, undefined, counts(undefined, Number.NEGATIVE_INFINITY)],
  [ANNOUNCE_EACH, "time", 100, undefined, ANNOUNCE_EACH],
  [ANNOUNCE_EACH, "time", 101, undefined, counts(undefined, Number.NEGATIVE_INFINITY)],
  [each(WAITS), "changed", 100, "presence", each(WAITS)],
  [each(WAITS), "changed", 101, undefined, counts(undefined, WAITS)],
  [counts(undefined, IS_DUE), "changed", 101, undefined, counts(undefined, IS_DUE)],
  [counts(105, IS_DUE), "changed", 101, undefined, counts(105, IS_DUE)],
  [counts(105, IS_DUE), "changed", 80, undefined, counts(105, IS_DUE)],
  [counts(105, WAITS), "changed", 80, undefined, counts(105, WAITS)],
  [counts(105, WAITS), "time", 101, undefined, counts(105, WAITS)],
  [counts(105, WAITS), "time", 80, undefined, counts(105, WAITS)],
  [counts(undefined, IS_DUE), "time", 101, "count", counts(101, NOW)],
  [counts(undefined, Number.NEGATIVE_INFINITY), "time", 101, "count", counts(101, NOW)],
  [counts(105, IS_DUE), "time", 105, undefined, counts(105, IS_DUE)],
  [counts(105, IS_DUE), "time", 104, "count", counts(104, NOW)],
  [counts(105, IS_DUE), "time", 81, "count", counts(81, NOW)],
  [counts(81, IS_DUE), "time", 81, undefined, counts(81, IS_DUE)],
  [counts(81, IS_DUE), "time", 80, "count_and_list", each(NOW)],
  [counts(undefined, IS_DUE), "time", 80, "count_and_list", each(NOW)],
  [counts(81, IS_DUE), "time", 0, "count_and_list", each(NOW)],
];

test("LR2 each state, event and number of users has its next state and its frame", () => {
  for (const [announcing, event, count, send, next] of TABLE)
    expect([announcing, event, count, stepAnnouncing(announcing, event, count, NOW)]).toEqual([
      announcing,
      event,
      count,
      { announcing: next, ...(send !== undefined && { send }) },
    ]);
});

test("LR2 time is needed exactly as long as it brings a frame", () => {
  for (const [announcing, , count] of TABLE) {
    const later = Math.max(NOW, announcing.sentAt) + COUNT_INTERVAL_MS;
    const { send } = stepAnnouncing(announcing, "time", count, later);
    const isLarge = announcing.mode === "count";
    expect([announcing, count, hasUnsentCount(announcing, count)]).toEqual([
      announcing,
      count,
      isLarge && send !== undefined,
    ]);
  }
});

test.each(seeds(1, 2, 3))("LR2 P1 seed %d: a client that follows the frames knows who is present", (seed) => {
  const random = new Random(seed);
  let announcing = ANNOUNCE_EACH;
  const present = new Set<number>();
  /** What a member knows: all users, or their number only. */
  let known: Set<number> | undefined = new Set();
  let number = 0;
  let lastNumberAt = Number.NEGATIVE_INFINITY;
  let now = 0;
  const receive = (send: AnnouncingStep["send"], apply: (all: Set<number>) => void) => {
    if (send === "presence") {
      expect(known).toBeDefined();
      apply(known!);
      number = known!.size;
    } else if (send !== undefined) {
      expect(now - lastNumberAt).toBeGreaterThanOrEqual(COUNT_INTERVAL_MS);
      lastNumberAt = now;
      number = present.size;
      known = send === "count_and_list" ? new Set(present) : undefined;
    }
  };
  for (let i = 0; i < 30_000; i++) {
    now += random.between(0, 60);
    // The number of users drifts up and down past both bounds.
    const drift = 0.5 + 0.45 * Math.sin(i / 700);
    const user = random.between(0, 160);
    const joins = random.next() < drift;
    if (present.has(user) !== joins) {
      if (joins) present.add(user);
      else present.delete(user);
      const step = stepAnnouncing(announcing, "changed", present.size, now);
      announcing = step.announcing;
      receive(step.send, (all) => (joins ? all.add(user) : all.delete(user)));
      if (step.send === undefined) expect(present.size > LISTED_AGAIN_AT || known === undefined).toBe(true);
    }
    if (random.next() < 0.2) {
      const step = stepAnnouncing(announcing, "time", present.size, now);
      announcing = step.announcing;
      receive(step.send, () => {});
      if (!hasUnsentCount(announcing, present.size)) expect(number).toBe(present.size);
    }
    if (announcing.mode === "each") {
      expect(present.size).toBeLessThanOrEqual(MAX_LISTED);
      expect(known).toEqual(present);
    }
  }
});
