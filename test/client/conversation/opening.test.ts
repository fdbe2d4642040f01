import { describe, expect, test } from "bun:test";
import {
  type ConversationStatus,
  type OpeningEffect,
  type OpeningEvent,
  openingStep,
  UNUSED,
} from "../../../src/client/conversation/opening.ts";
import { BACKOFF_INITIAL_MS } from "../../../src/client/options.ts";

const NOW = 1_000_000;

const STATES: { [S in ConversationStatus["state"]]: ConversationStatus } = {
  idle: UNUSED,
  opening: { state: "opening" },
  resuming: { state: "resuming" },
  live: { state: "live" },
  waiting: { state: "waiting", until: NOW + 1, code: "busy", reason: "Wait." },
  closed: { state: "closed", code: "forbidden", reason: "No." },
};

const forbidden = { code: "forbidden", message: "No." };

const EVENTS: { [E in OpeningEvent["type"]]: OpeningEvent & { type: E } } = {
  use: { type: "use" },
  unuse: { type: "unuse" },
  line_up: { type: "line_up" },
  line_down: { type: "line_down" },
  opened: { type: "opened", behind: true },
  progress: { type: "progress", behind: false },
  refused: { type: "refused", refusal: forbidden },
  closed: { type: "closed", refusal: forbidden },
  timer: { type: "timer" },
  place_free: { type: "place_free" },
  retry: { type: "retry" },
};

type Cell = ConversationStatus["state"] | readonly [ConversationStatus["state"], ...OpeningEffect["type"][]];

const opens: Cell = ["opening", "open"];
const leaves: Cell = ["idle", "close"];

/** The next state for each state and event, and the effects. A state or an event without its cells does not compile. */
const TABLE: Record<ConversationStatus["state"], Record<OpeningEvent["type"], Cell>> = {
  idle: {
    use: opens,
    unuse: "idle",
    line_up: "idle",
    line_down: "idle",
    opened: "idle",
    progress: "idle",
    refused: "idle",
    closed: "idle",
    timer: "idle",
    place_free: "idle",
    retry: "idle",
  },
  opening: {
    use: "opening",
    unuse: leaves,
    line_up: opens,
    line_down: "opening",
    opened: "resuming",
    progress: "opening",
    refused: "closed",
    closed: "opening",
    timer: "opening",
    place_free: "opening",
    retry: "opening",
  },
  resuming: {
    use: "resuming",
    unuse: leaves,
    line_up: opens,
    line_down: "opening",
    opened: "resuming",
    progress: "live",
    refused: "resuming",
    closed: "closed",
    timer: "resuming",
    place_free: "resuming",
    retry: "resuming",
  },
  live: {
    use: "live",
    unuse: leaves,
    line_up: opens,
    line_down: "opening",
    opened: "resuming",
    progress: "live",
    refused: "live",
    closed: "closed",
    timer: "live",
    place_free: "live",
    retry: "live",
  },
  waiting: {
    use: "waiting",
    unuse: "idle",
    line_up: opens,
    line_down: "opening",
    opened: "waiting",
    progress: "waiting",
    refused: "waiting",
    closed: "waiting",
    timer: opens,
    place_free: "waiting",
    retry: opens,
  },
  closed: {
    use: opens,
    unuse: "idle",
    line_up: "closed",
    line_down: "closed",
    opened: "closed",
    progress: "closed",
    refused: "closed",
    closed: "closed",
    timer: "closed",
    place_free: "closed",
    retry: opens,
  },
};

describe.each(Object.entries(TABLE) as [ConversationStatus["state"], Record<OpeningEvent["type"], Cell>][])(
  "%s",
  (at, row) => {
    test.each(Object.entries(row) as [OpeningEvent["type"], Cell][])("at %s", (type, cell) => {
      const { status, effects } = openingStep(STATES[at], EVENTS[type], NOW, 0.5);
      const [next, ...todo] = typeof cell === "string" ? [cell] : cell;
      expect([status.state, ...effects.map((effect) => effect.type)]).toEqual([next, ...todo]);
      // An unchanged status is the same object, for `getSnapshot`.
      if (next === at && !["live", "resuming", "opening"].includes(at)) expect(status).toBe(STATES[at]);
    });
  },
);

describe("refusals", () => {
  const refuse = (code: string, retry_after?: number) =>
    openingStep(
      STATES.opening,
      { type: "refused", refusal: { code, message: "No.", retry_after } },
      NOW,
      0.5,
    );

  test("N4 with `retry_after` it is opened again then", () => {
    const { status, effects } = refuse("busy", 7);
    expect(status).toEqual({ state: "waiting", until: NOW + 7_000, code: "busy", reason: "No." });
    expect(effects).toEqual([{ type: "wait", milliseconds: 7_000 }]);
  });

  test.each(["behind", "new_epoch", "unavailable", "internal"])(
    "%s ends by itself, after a random wait",
    (code) => {
      for (const step of [
        refuse(code),
        openingStep(STATES.live, { type: "closed", refusal: { code, message: "No." } }, NOW, 0.5),
      ]) {
        expect(step.status).toMatchObject({ state: "waiting", code });
        expect(step.effects).toEqual([{ type: "wait", milliseconds: BACKOFF_INITIAL_MS / 2 }]);
      }
    },
  );

  test("MX5 over the limit of conversations it is closed, and opened when a place is free or the line is new", () => {
    const { status } = refuse("too_many_conversations", 3);
    expect(status).toEqual({ state: "closed", code: "too_many_conversations", reason: "No." });
    for (const type of ["place_free", "line_up"] as const)
      expect(openingStep(status, { type }, NOW, 0.5)).toEqual({
        status: { state: "opening" },
        effects: [{ type: "open" }],
      });
  });

  test("a `closed` without a code answers a `close`: what is used is opened again", () => {
    expect(openingStep(STATES.live, { type: "closed" }, NOW, 0.5).effects).toEqual([{ type: "open" }]);
  });
});
