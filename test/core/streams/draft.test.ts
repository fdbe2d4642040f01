import { describe, expect, test } from "bun:test";
import {
  CANCEL_GRACE_MS,
  type Draft,
  type DraftEvent,
  dueAt,
  newDraft,
  type StreamRules,
  stepDraft,
} from "../../../src/core/streams/draft.ts";

const RULES: StreamRules = { lease: 30_000, idle: 300_000, max: 3_600_000, maxBytes: 100, maxOpen: 8 };
const NOW = 1_000_000;

/** One that was taken over once, and has three appends. */
const OPEN: Draft = { ...newDraft(NOW, RULES), generation: 2, n: 3, bytes: 30 };
const CANCELLED: Draft = { ...OPEN, cancel: { by: "ann", until: NOW + CANCEL_GRACE_MS } };

const EVENTS = {
  start: { type: "start", restart: false },
  restart: { type: "start", restart: true },
  append: { type: "append", generation: 2, appends: [{ n: 4, bytes: 5 }] },
  "append of the last writer": { type: "append", generation: 1, appends: [{ n: 4, bytes: 5 }] },
  "append again": { type: "append", generation: 2, appends: [{ n: 3, bytes: 5 }] },
  "append again and on": {
    type: "append",
    generation: 2,
    appends: [
      { n: 3, bytes: 5 },
      { n: 4, bytes: 5 },
    ],
  },
  "append after a gap": { type: "append", generation: 2, appends: [{ n: 5, bytes: 5 }] },
  "append too much": { type: "append", generation: 2, appends: [{ n: 4, bytes: 71 }] },
  renew: { type: "renew", generation: 2 },
  "renew of the last writer": { type: "renew", generation: 1 },
  cancel: { type: "cancel", by: "bob", discard: false },
  discard: { type: "cancel", by: "bob", discard: true },
  end: { type: "end", generation: 2, state: undefined },
  "end as failed": { type: "end", generation: 2, state: "failed" },
  "end of the last writer": { type: "end", generation: 1, state: "done" },
  refuse: { type: "refuse" },
  due: { type: "due" },
} as const satisfies Record<string, DraftEvent>;

type Name = keyof typeof EVENTS;

// Total: an event without a decision for each state does not compile.
const TABLE: Record<Name, { none: string; open: string; cancelled: string }> = {
  start: { none: "none", open: "taken_over n=3 g=3", cancelled: "taken_over n=3 g=3" },
  restart: { none: "none", open: "taken_over drops n=0 g=3", cancelled: "taken_over drops n=0 g=3" },
  append: { none: "fenced", open: "stored skip=0 n=4 g=2", cancelled: "stored skip=0 n=4 g=2" },
  "append of the last writer": { none: "fenced", open: "fenced n=3 g=2", cancelled: "fenced n=3 g=2" },
  "append again": { none: "fenced", open: "stored skip=1 n=3 g=2", cancelled: "stored skip=1 n=3 g=2" },
  "append again and on": {
    none: "fenced",
    open: "stored skip=1 n=4 g=2",
    cancelled: "stored skip=1 n=4 g=2",
  },
  "append after a gap": { none: "fenced", open: "gap n=3 g=2", cancelled: "gap n=3 g=2" },
  "append too much": { none: "fenced", open: "too_large n=3 g=2", cancelled: "too_large n=3 g=2" },
  renew: { none: "fenced", open: "renewed n=3 g=2", cancelled: "renewed n=3 g=2" },
  "renew of the last writer": { none: "fenced", open: "fenced n=3 g=2", cancelled: "fenced n=3 g=2" },
  cancel: { none: "none", open: "asked_to_stop by=bob n=3 g=2", cancelled: "asked_to_stop by=ann n=3 g=2" },
  discard: {
    none: "none",
    open: "ended cancelled erased by=bob",
    cancelled: "ended cancelled erased by=bob",
  },
  end: { none: "fenced", open: "ended done", cancelled: "ended cancelled" },
  "end as failed": { none: "fenced", open: "ended failed", cancelled: "ended failed" },
  "end of the last writer": { none: "fenced", open: "fenced n=3 g=2", cancelled: "fenced n=3 g=2" },
  refuse: { none: "none", open: "ended interrupted", cancelled: "ended interrupted" },
  due: { none: "none", open: "none n=3 g=2", cancelled: "none n=3 g=2" },
};

const STATES = { none: undefined, open: OPEN, cancelled: CANCELLED };

/** A step in short. */
function summary(draft: Draft | undefined, event: DraftEvent, now = NOW + 1): string {
  const { draft: next, outcome } = stepDraft(draft, event, now, RULES);
  const words: string[] = [outcome.type];
  if (outcome.type === "taken_over" && outcome.dropsText) words.push("drops");
  if (outcome.type === "stored") words.push(`skip=${outcome.skip}`);
  if (outcome.type === "asked_to_stop") words.push(`by=${outcome.by}`);
  if (outcome.type === "ended") words.push(outcome.state);
  if (outcome.type === "ended" && outcome.erasedBy !== undefined)
    words.push("erased", `by=${outcome.erasedBy}`);
  if (next !== undefined) words.push(`n=${next.n}`, `g=${next.generation}`);
  return words.join(" ");
}

describe("every state, every event", () => {
  for (const [name, row] of Object.entries(TABLE))
    for (const [state, cell] of Object.entries(row))
      test(`${state}, ${name} → ${cell}`, () => {
        expect(summary(STATES[state as keyof typeof STATES], EVENTS[name as Name])).toBe(cell);
      });
});

describe("time", () => {
  test("the lease begins again with an append, a renewal and a takeover", () => {
    for (const name of ["append", "renew", "start"] as const)
      expect(stepDraft(OPEN, EVENTS[name], NOW + 20_000, RULES).draft?.leaseUntil).toBe(NOW + 50_000);
  });

  test("a draft ends when its lease is over, when no append came for long, and when it lasts too long", () => {
    const kept = { ...OPEN, leaseUntil: Number.POSITIVE_INFINITY };
    expect(summary(OPEN, EVENTS.due, NOW + 29_999)).toBe("none n=3 g=2");
    expect(summary(OPEN, EVENTS.due, NOW + 30_000)).toBe("ended interrupted");
    expect(summary(kept, EVENTS.due, NOW + 299_999)).toBe("none n=3 g=2");
    expect(summary(kept, EVENTS.due, NOW + 300_000)).toBe("ended interrupted");
    const busy = { ...kept, appendedAt: NOW + 3_599_000 };
    expect(summary(busy, EVENTS.due, NOW + 3_599_999)).toBe("none n=3 g=2");
    expect(summary(busy, EVENTS.due, NOW + 3_600_000)).toBe("ended interrupted");
  });

  test("a writer that does not end what it was asked to stop is cancelled; asking again gives it no more time", () => {
    expect(summary(CANCELLED, EVENTS.due, NOW + 4_999)).toBe("none n=3 g=2");
    expect(summary(CANCELLED, EVENTS.due, NOW + 5_000)).toBe("ended cancelled");
    const { draft } = stepDraft(CANCELLED, EVENTS.cancel, NOW + 4_000, RULES);
    expect(draft && dueAt(draft, RULES)).toBe(NOW + 5_000);
  });
});
