import { expect, test } from "bun:test";
import type { FeedEvent } from "../../../src/core/feed/feed-event.ts";
import {
  DELIVERY_PLACES,
  DELIVERY_WINDOW,
  DeliveryQueue,
  type QueuedEvent,
  SLOW_DELIVERY_PLACES,
} from "../../../src/core/webhooks/delivery-queue.ts";
import type { WebhookProgress } from "../../../src/core/webhooks/webhook.ts";
import { Random, seeds } from "../../support/random.ts";

const START: WebhookProgress = { course: 0, position: "0", retries: [] };
const FAILED = { kind: "failed", reason: "status 500" } as const;

/** `count` events, which the conversations take in turn, except every tenth, which has none. */
function someEvents(count: number, conversations: number): FeedEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `e${index}`,
    type: "message.created" as const,
    at: 1_000 + index,
    ...(index % 10 !== 9 && { conversation: `c${index % conversations}` }),
  }));
}

/** The feed as an engine gives it: the position is the number of events before it. */
function readPage(events: readonly FeedEvent[], after: string, limit: number) {
  const from = Number(after);
  const page = events.slice(from, from + limit);
  return { events: page, position: String(from + page.length), more: from + limit < events.length };
}

function laneOf(event: QueuedEvent): string {
  return ("conversation" in event && event.conversation) || "";
}

for (const seed of seeds(1, 2, 3, 4))
  test(`EV2 every event is accepted, in order within its conversation, over failures, pauses and two stops (seed ${seed})`, () => {
    const random = new Random(seed);
    const events = someEvents(1_500, 40);
    let queue = new DeliveryQueue(START);
    let now = 10_000;
    const accepted = new Map<string, string[]>();
    const seen = new Set<string>();
    const stops = new Set([random.between(100, 700), random.between(800, 1_400)]);
    let flying: QueuedEvent[] = [];
    let checked = 0;
    for (;;) {
      while (queue.wantsPage() && Number(queue.readFrom) < events.length)
        queue.addPage(readPage(events, queue.readFrom, random.between(1, 100)));
      const taken = queue.take(now);
      flying.push(...taken);
      expect(flying.length).toBeLessThanOrEqual(DELIVERY_PLACES);
      expect(new Set(flying.map(laneOf)).size).toBe(flying.length);
      if (stops.delete(seen.size)) {
        // A `kill -9`: what is on its way may arrive, and only what was stored is known afterwards.
        for (const event of flying) if (random.next() < 0.5) note(event);
        queue = new DeliveryQueue(JSON.parse(JSON.stringify(queue.progress())));
        flying = [];
        continue;
      }
      if (flying.length === 0) {
        const next = queue.nextRetryAt();
        if (next === undefined) break;
        now = Math.max(now, next);
        continue;
      }
      const [event] = flying.splice(random.between(0, flying.length - 1), 1) as [QueuedEvent];
      now += random.between(0, 50);
      if (random.next() < 0.2) {
        const verdict =
          random.next() < 0.2 ? { kind: "throttled" as const, reason: "status 429", pause: 2_000 } : FAILED;
        expect(queue.refused(event.id, verdict, now, random.next())).toBe(true);
      } else {
        note(event);
        queue.accepted(event.id, now);
      }
      // Nothing before the stored position is missing.
      const position = Number(queue.progress().position);
      for (; checked < position; checked++) expect(seen.has(events[checked]!.id)).toBe(true);
    }
    function note(event: QueuedEvent) {
      const lane = accepted.get(laneOf(event)) ?? [];
      if (!seen.has(event.id)) lane.push(event.id);
      accepted.set(laneOf(event), lane);
      seen.add(event.id);
    }
    expect(queue.isEmpty).toBe(true);
    expect(queue.progress()).toMatchObject({ position: "1500", retries: [] });
    expect(queue.progress().waitingSince).toBeUndefined();
    const wanted = Map.groupBy(events, laneOf);
    for (const [lane, list] of wanted) expect(accepted.get(lane)).toEqual(list.map(({ id }) => id));
  });

test("EV2 an event that fails holds back its conversation only, until the window is full", () => {
  const events = someEvents(2_000, 10);
  const queue = new DeliveryQueue(START);
  const sent: string[] = [];
  for (;;) {
    while (queue.wantsPage() && Number(queue.readFrom) < events.length)
      queue.addPage(readPage(events, queue.readFrom, 100));
    const taken = queue.take(0);
    if (taken.length === 0) break;
    for (const { id } of taken) {
      sent.push(id);
      if (id === "e3") queue.refused(id, FAILED, 0, 0);
      else queue.accepted(id, 0);
    }
  }
  expect(sent.filter((id) => id === "e3")).toHaveLength(1);
  expect(sent).not.toContain("e13");
  expect(sent).toContain("e14");
  expect(sent.length).toBeLessThan(DELIVERY_WINDOW);
  expect(queue.progress()).toMatchObject({
    position: "0",
    waitingSince: events[3]!.at,
    retries: [{ event: "e3", attempts: 1, nextAt: 5_000 }],
  });
  // The next sender knows of the attempt, although it reads the events again.
  const next = new DeliveryQueue(queue.progress());
  next.addPage(readPage(events, next.readFrom, 100));
  expect(next.take(0).map(({ id }) => id)).not.toContain("e3");
  expect(next.nextRetryAt()).toBe(5_000);
  expect(next.take(5_000).map(({ id }) => id)).toEqual(["e3"]);
});

test("EV2 a receiver that is away gets one request a place, then only the retries; a 429 holds all back", () => {
  const events = someEvents(300, 300);
  const slow = new DeliveryQueue(START);
  slow.addPage(readPage(events, "0", 300));
  expect(slow.take(0, SLOW_DELIVERY_PLACES)).toHaveLength(SLOW_DELIVERY_PLACES);
  const queue = new DeliveryQueue(START);
  queue.addPage(readPage(events, "0", 300));
  const first = queue.take(0);
  expect(first).toHaveLength(DELIVERY_PLACES);
  for (const { id } of first) queue.refused(id, FAILED, 0, 0);
  expect(queue.take(4_999)).toEqual([]);
  const again = queue.take(5_000);
  expect(again).toEqual(first);
  queue.accepted(again[0]!.id, 5_000);
  queue.refused(again[1]!.id, { kind: "throttled", reason: "status 429", pause: 60_000 }, 5_000, 0);
  expect(queue.take(5_001)).toEqual([]);
  expect(queue.take(65_000).length).toBeGreaterThan(0);
});

test("EV4 events.lost comes before all that follows it, and what came before `since` of a replay is left out", () => {
  const queue = new DeliveryQueue({ ...START, since: 1_002 });
  const events = someEvents(5, 5);
  queue.addPage({ events, position: "5", lost: { since: 1, until: 900 } });
  expect(queue.wantsPage()).toBe(false);
  const [lost, ...others] = queue.take(0);
  expect(lost).toEqual({ id: "lost-1-p0", type: "events.lost", at: 900, since: 1, until: 900 });
  expect(others).toEqual([]);
  queue.accepted("lost-1-p0", 0);
  expect(queue.take(0).map(({ id }) => id)).toEqual(["e2", "e3", "e4"]);
});
