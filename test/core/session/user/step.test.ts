import { describe, expect, test } from "bun:test";
import type { PostResult } from "../../../../src/core/ports/message-log.ts";
import { closeForRemoval, closeReason } from "../../../../src/core/session/close-reason.ts";
import { JOINING, LEFT, openMembership } from "../../../../src/core/session/membership-state.ts";
import type {
  Load,
  OpenItem,
  UserConversation,
  UserConversationEffect,
  UserConversationEvent,
  UserRequest,
} from "../../../../src/core/session/user/state.ts";
import {
  countsAsOpen,
  isForgettable,
  MAX_HELD_REQUESTS,
  outside,
  stepUserConversation,
  stepUserRequest,
} from "../../../../src/core/session/user/step.ts";
import { OPENED, QUOTA, START_MS } from "../../../support/models/session.ts";

type Phase = UserConversation["phase"];
type Event = Exclude<UserConversationEvent, { type: "request" }>;
/** streams.test.ts in this folder has the requests of streams. */
/** `erase` and `react` are as `edit`; streams.test.ts has the frames of streams. */
type RequestType = Exclude<UserRequest["type"], `stream_${string}` | "erase" | "react">;

const ALLOWED = { read: undefined, write: undefined };
const NO_READ = "This token does not have the right `read`.";
const ITEM: OpenItem = { type: "open", resume: undefined, id: "o1" };
const FREE: Load = { isFull: false, isReading: false };
const common = { refusals: ALLOWED, waiting: 1, voided: 0 };

const STATES: { readonly [P in Phase]: Extract<UserConversation, { phase: P }> } = {
  outside: outside(ALLOWED, 1),
  queued: { ...common, phase: "queued", item: ITEM, membership: { ...JOINING, held: 1 } },
  opening: { ...common, waiting: 0, phase: "opening", item: ITEM, membership: { ...JOINING, held: 1 } },
  inside: { ...common, phase: "inside", membership: openMembership(undefined) },
  closing: { ...outside(ALLOWED, 1), phase: "closing" },
  gone: { ...common, phase: "gone", membership: LEFT },
};

const STORED: PostResult = { outcome: "stored", seq: 1, at: START_MS, quota: QUOTA };

const EVENTS: { readonly [T in Event["type"]]: Extract<Event, { type: T }> } = {
  turn: { type: "turn" },
  opened: OPENED,
  open_failed: { type: "open_failed", reason: closeForRemoval("lobby") },
  end: { type: "end", ending: closeReason(1012, undefined, 2) },
  rights_changed: { type: "rights_changed", refusals: { read: NO_READ, write: NO_READ } },
  page_sent: { type: "page_sent", position: 9 },
  caught_up: { type: "caught_up" },
  page_left: { type: "page_left" },
  posted: { type: "posted", id: "m1", conversation: "lobby", result: STORED },
  history_read: {
    type: "history_read",
    id: "h1",
    result: { outcome: "read", entries: [], more: false, quota: QUOTA },
  },
  replied: {
    type: "replied",
    reply: {
      frame: { type: "stream_started", id: "s1", stream: "pO3cWg7kQ2xA", n: 0, quota: QUOTA },
      quota: QUOTA,
    },
  },
  left: { type: "left" },
};

/** A step in short: the phase after it, and its effects, notes left out. */
function summary(phase: string, effects: readonly UserConversationEffect[]): string {
  const words = effects.flatMap((effect) => {
    if (effect.type === "note") return [];
    if (effect.type === "send") {
      const { frame } = effect;
      return ["code" in frame && frame.code !== undefined ? `${frame.type}(${frame.code})` : frame.type];
    }
    if (effect.type === "feed") return [JSON.parse(effect.frame).type];
    return [effect.type === "leave" && effect.reopens ? "leave(reopens)" : effect.type];
  });
  return [phase, ...words].join(" ");
}

// Total: a phase or an event that is added without a decision in every cell does not compile.
const TABLE: Record<Phase, Record<Event["type"], string>> = {
  outside: {
    turn: "outside",
    opened: "outside",
    open_failed: "outside",
    end: "outside",
    rights_changed: "outside",
    page_sent: "outside",
    caught_up: "outside",
    page_left: "outside",
    posted: "outside ack answered",
    history_read: "outside history answered",
    replied: "outside stream_started answered",
    left: "gone",
  },
  queued: {
    turn: "opening join",
    opened: "queued",
    open_failed: "outside error(removed) release",
    end: "queued",
    rights_changed: "queued",
    page_sent: "queued",
    caught_up: "queued",
    page_left: "queued",
    // The answers to requests from before the `open` come first, and then its turn may come.
    posted: "queued ack answered queue",
    history_read: "queued history answered queue",
    replied: "queued stream_started answered queue",
    left: "gone",
  },
  opening: {
    turn: "opening",
    opened: "inside release",
    open_failed: "outside error(removed) release",
    end: "opening",
    rights_changed: "opening",
    page_sent: "opening",
    caught_up: "opening",
    page_left: "opening",
    // Nothing waits at the store in this phase; these do not occur.
    posted: "opening ack answered",
    history_read: "opening history answered",
    replied: "opening stream_started answered",
    left: "gone",
  },
  inside: {
    turn: "inside",
    opened: "inside",
    open_failed: "inside",
    end: "outside leave drop closed(new_epoch)",
    rights_changed: "outside leave drop closed(forbidden)",
    page_sent: "inside",
    caught_up: "inside",
    page_left: "inside",
    posted: "inside ack answered",
    history_read: "inside history answered",
    replied: "inside stream_started answered",
    left: "gone",
  },
  closing: {
    turn: "closing",
    opened: "closing",
    open_failed: "closing",
    end: "closing",
    rights_changed: "closing",
    page_sent: "closing",
    caught_up: "closing",
    page_left: "closing",
    posted: "outside ack answered closed",
    history_read: "outside history answered closed",
    replied: "outside stream_started answered closed",
    left: "gone",
  },
  // Nothing is sent any more, but the connection still counts the store's answers.
  gone: {
    turn: "gone",
    opened: "gone",
    open_failed: "gone",
    end: "gone",
    rights_changed: "gone",
    page_sent: "gone",
    caught_up: "gone",
    page_left: "gone",
    posted: "gone answered",
    history_read: "gone answered",
    replied: "gone answered",
    left: "gone",
  },
};

const PHASES = Object.keys(TABLE) as Phase[];

describe("every phase, every event", () => {
  for (const phase of PHASES) {
    for (const [type, cell] of Object.entries(TABLE[phase])) {
      test(`MX1 MX2 ${phase}, ${type} → ${cell}`, () => {
        const { state, effects } = stepUserConversation(STATES[phase], EVENTS[type as Event["type"]]);
        expect(summary(state.phase, effects)).toBe(cell);
      });
    }
  }

  test("a step changes nothing of the state it is given", () => {
    for (const phase of PHASES) {
      for (const event of Object.values(EVENTS)) {
        const before = structuredClone(STATES[phase]);
        stepUserConversation(STATES[phase], event);
        expect(STATES[phase]).toEqual(before);
      }
    }
  });
});

const REQUESTS: { readonly [T in RequestType]: Extract<UserRequest, { type: T }> } = {
  open: ITEM,
  close: { type: "close" },
  message: { type: "message", conversation: "a", text: "hello", id: "m1" },
  edit: { type: "edit", conversation: "a", seq: 1, text: "hello", id: "c1" },
  history: { type: "history", conversation: "a", limit: 10, id: "h1" },
  typing: { type: "typing", conversation: "a", active: true },
  read: { type: "read", conversation: "a", seq: 1 },
};

describe("every request, in every situation", () => {
  const behind = { phase: "behind", position: 4, held: 0, writeRefusal: undefined } as const;
  const reading = { phase: "open", reading: "asked", held: 0, writeRefusal: undefined } as const;
  const SITUATIONS = {
    "outside, nothing waits": outside(ALLOWED),
    "outside, one waits": STATES.outside,
    "outside, reading": { ...outside(ALLOWED, 1), membership: reading },
    "outside, nothing allowed": outside({ read: NO_READ, write: "No." }),
    queued: STATES.queued,
    opening: STATES.opening,
    "inside, nothing waits": { ...STATES.inside, waiting: 0 },
    "inside, one waits": STATES.inside,
    "inside, behind": { ...STATES.inside, waiting: 0, membership: behind },
    "inside, behind, one held": { ...STATES.inside, waiting: 0, membership: { ...behind, held: 1 } },
    closing: STATES.closing,
    gone: STATES.gone,
  } as const satisfies Record<string, UserConversation>;

  const HELD = {
    open: "hold",
    close: "hold",
    message: "hold",
    edit: "hold",
    history: "hold",
    typing: "",
    read: "mark",
  };
  const NOTHING = { open: "", close: "", message: "", edit: "", history: "", typing: "", read: "" };

  const ASKED = { message: "post", edit: "change", history: "read_history" };
  const BEHIND = { message: "hold", edit: "hold", history: "hold", typing: "typing", read: "mark" };

  // Each cell: the phase after it where it is another one, and the effects.
  const REQUEST_TABLE: Record<keyof typeof SITUATIONS, Record<RequestType, string>> = {
    "outside, nothing waits": {
      open: "queued queue",
      close: "closed",
      ...ASKED,
      typing: "",
      read: "mark",
    },
    "outside, one waits": {
      open: "queued",
      close: "closing",
      ...ASKED,
      typing: "",
      read: "mark",
    },
    "outside, reading": {
      open: "hold",
      close: "hold",
      message: "post",
      edit: "change",
      history: "hold",
      typing: "",
      read: "mark",
    },
    "outside, nothing allowed": {
      open: "queued queue",
      close: "closed",
      message: "error(forbidden)",
      edit: "error(forbidden)",
      history: "error(forbidden)",
      typing: "",
      read: "error(forbidden)",
    },
    queued: HELD,
    opening: HELD,
    "inside, nothing waits": {
      open: "queued leave(reopens) queue",
      close: "outside leave closed",
      ...ASKED,
      typing: "typing",
      read: "mark",
    },
    "inside, one waits": {
      open: "queued leave(reopens)",
      close: "closing leave",
      ...ASKED,
      typing: "typing",
      read: "mark",
    },
    "inside, behind": {
      open: "queued leave(reopens) queue",
      close: "outside leave closed",
      ...BEHIND,
    },
    // What was requested before is carried out before the `open` or the `close`.
    "inside, behind, one held": {
      open: "outside leave(reopens) hold release",
      close: "outside leave hold release",
      ...BEHIND,
    },
    closing: HELD,
    gone: NOTHING,
  };

  for (const [situation, row] of Object.entries(REQUEST_TABLE)) {
    for (const [type, cell] of Object.entries(row)) {
      test(`MX1 MX3 ${situation}, ${type} → ${cell}`, () => {
        const before = SITUATIONS[situation as keyof typeof SITUATIONS];
        const { state, effects } = stepUserRequest(before, REQUESTS[type as RequestType], FREE);
        expect(summary(state.phase === before.phase ? "" : state.phase, effects).trim()).toBe(cell);
      });
    }
  }

  test("MX2 a conversation holds 16 requests, and the next one gets `busy` with its id and when to send it again", () => {
    let state: UserConversation = { ...STATES.queued, membership: JOINING };
    for (let i = 1; i <= MAX_HELD_REQUESTS; i++) {
      const step = stepUserRequest(state, REQUESTS.message, FREE);
      expect(step.outcome).toBe("held");
      ({ state } = step);
    }
    const { state: after, effects, outcome } = stepUserRequest(state, REQUESTS.message, FREE);
    expect(after).toEqual(state);
    expect(outcome).toBe("done");
    expect(effects.filter(({ type }) => type === "send")).toEqual([
      {
        type: "send",
        frame: {
          type: "error",
          code: "busy",
          message: "The conversation is being opened or is catching up, and 16 requests wait for that.",
          id: "m1",
          retry_after: 1,
        },
      },
    ]);
  });

  test("MX5 where as many are open as may be, `open` is refused; one that is open may be opened again", () => {
    const full = { ...FREE, isFull: true };
    const refused = stepUserRequest(outside(ALLOWED), ITEM, full);
    expect(summary(refused.state.phase, refused.effects)).toBe("outside error(too_many_conversations)");
  });

  test("MX2 where many pages of history wait for the line, the next one gets `busy`", () => {
    const reading = { ...FREE, isReading: true };
    const refused = stepUserRequest(outside(ALLOWED), REQUESTS.history, reading);
    expect(summary(refused.state.phase, refused.effects)).toBe("outside error(busy)");
  });

  test("MX3 an answer that was owed before the server closed the conversation is not sent, and the next one is", () => {
    let state: UserConversation = STATES.inside;
    const apply = (event: Event) => {
      const step = stepUserConversation(state, event);
      ({ state } = step);
      return summary(state.phase, step.effects);
    };
    expect(apply(EVENTS.end)).toBe("outside leave drop closed(new_epoch)");
    expect(isForgettable(state)).toBe(false);
    ({ state } = stepUserRequest(state, REQUESTS.message, FREE));
    expect(apply(EVENTS.posted)).toBe("outside answered");
    expect(apply(EVENTS.posted)).toBe("outside ack answered");
    expect(isForgettable(state)).toBe(true);
  });

  test("MX3 requests that were held when the server closed the conversation are dropped; `open` among them is not", () => {
    const held = SITUATIONS["inside, behind, one held"];
    const { state, effects } = stepUserConversation(held, EVENTS.end);
    expect(summary(state.phase, effects)).toBe("outside leave drop closed(new_epoch) release");
  });

  test("MX3 a conversation that was removed answers a message by `removed`, and is closed", () => {
    const event: Event = { type: "posted", id: "m1", conversation: "lobby", result: { outcome: "removed" } };
    const inside = stepUserConversation(STATES.inside, event);
    expect(summary(inside.state.phase, inside.effects)).toBe(
      "outside answered error(removed) leave drop closed(removed)",
    );
    const out = stepUserConversation(STATES.outside, event);
    expect(summary(out.state.phase, out.effects)).toBe("outside answered error(removed)");
  });

  test("MX1 a token that does not allow reading refuses an `open` when its turn comes", () => {
    const changed = stepUserConversation(STATES.queued, EVENTS.rights_changed).state;
    const { state, effects } = stepUserConversation(changed, EVENTS.turn);
    expect(summary(state.phase, effects)).toBe("outside error(forbidden) release");
  });

  test("MX2 a client that opens and has to catch up is reported to its connection, until it has caught up", () => {
    const opened = stepUserConversation(STATES.opening, { ...OPENED, behind: true, position: 3 });
    expect(summary(opened.state.phase, opened.effects)).toBe("inside catching_up");
    const caughtUp = stepUserConversation(opened.state, EVENTS.caught_up);
    expect(summary(caughtUp.state.phase, caughtUp.effects)).toBe("inside caught_up release");
  });

  test("MX5 what is open, or about to be, counts as open", () => {
    expect(PHASES.filter((phase) => countsAsOpen(STATES[phase]))).toEqual(["queued", "opening", "inside"]);
  });
});
