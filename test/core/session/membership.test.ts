import { describe, expect, test } from "bun:test";
import type { PostResult } from "../../../src/core/ports/message-log.ts";
import { closeForRemoval } from "../../../src/core/session/close-reason.ts";
import { stepMembership, stepRequest } from "../../../src/core/session/membership.ts";
import {
  JOINING,
  LEFT,
  type Membership,
  type MembershipEvent,
  openMembership,
  type RequestFrame,
} from "../../../src/core/session/membership-state.ts";
import { OPENED, QUOTA, RULES, START_MS, sentFrames, summary } from "../../support/models/session.ts";

type Phase = Membership["phase"];
type EventType = MembershipEvent["type"];
/** `erase` and `react` are as `edit`. */
type RequestType = Exclude<RequestFrame["type"], "erase" | "react">;

const READ_ONLY = "The token does not allow writing.";

const HANDLE = "pO3cWg7kQ2xA";

const MEMBERSHIPS: { readonly [P in Phase]: Extract<Membership, { phase: P }> } = {
  joining: { phase: "joining", held: 1 },
  behind: { phase: "behind", position: 4, held: 1, writeRefusal: undefined },
  open: { phase: "open", reading: "sent", held: 1, writeRefusal: undefined },
  left: { phase: "left" },
};

const STORED: PostResult = { outcome: "stored", seq: 1, at: START_MS, quota: QUOTA };

const EVENTS: { readonly [T in EventType]: Extract<MembershipEvent, { type: T }> } = {
  request: { type: "request", frame: { type: "typing", active: true } },
  opened: { ...OPENED, shown: '{"type":"history"}' },
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
    reply: { frame: { type: "stream_started", id: "s1", stream: HANDLE, n: 0, quota: QUOTA }, quota: QUOTA },
  },
  rights_changed: { type: "rights_changed", writeRefusal: READ_ONLY },
  left: { type: "left" },
};

// Total: a phase or an event that is added without a decision in every cell does not compile.
const TABLE: Record<Phase, Record<EventType, string>> = {
  joining: {
    request: "joining hold",
    opened: "open history release",
    page_sent: "joining",
    caught_up: "joining",
    page_left: "joining",
    posted: "joining answered",
    history_read: "joining answered",
    replied: "joining answered",
    rights_changed: "joining",
    left: "left",
  },
  behind: {
    request: "behind typing",
    opened: "behind",
    page_sent: "behind",
    caught_up: "open caught_up release",
    page_left: "behind",
    posted: "behind ack answered",
    history_read: "behind answered",
    replied: "behind stream_started answered",
    rights_changed: "behind",
    left: "left",
  },
  open: {
    request: "open typing",
    opened: "open",
    page_sent: "open",
    caught_up: "open",
    page_left: "open release",
    posted: "open ack answered",
    history_read: "open history answered",
    replied: "open stream_started answered",
    rights_changed: "open",
    left: "left",
  },
  // Nothing of the conversation is sent any more, but the connection still counts the store's answers.
  left: {
    request: "left",
    opened: "left",
    page_sent: "left",
    caught_up: "left",
    page_left: "left",
    posted: "left answered",
    history_read: "left answered",
    replied: "left answered",
    rights_changed: "left",
    left: "left",
  },
};

const PHASES = Object.keys(TABLE) as Phase[];
const EVENT_TYPES = Object.keys(EVENTS) as EventType[];

function stepSummary(membership: Membership, event: MembershipEvent): string {
  const { membership: next, effects } = stepMembership(membership, event, RULES);
  return summary({ phase: next.phase, effects });
}

describe("every phase, every event", () => {
  for (const phase of PHASES) {
    for (const type of EVENT_TYPES) {
      test(`${phase}, ${type} → ${TABLE[phase][type]}`, () => {
        expect(stepSummary(MEMBERSHIPS[phase], EVENTS[type])).toBe(TABLE[phase][type]);
      });
    }
  }

  test("a step changes nothing of the state it is given", () => {
    for (const phase of PHASES) {
      for (const type of EVENT_TYPES) {
        const before = structuredClone(MEMBERSHIPS[phase]);
        stepMembership(MEMBERSHIPS[phase], EVENTS[type], RULES);
        expect(MEMBERSHIPS[phase]).toEqual(before);
      }
    }
  });
});

const REQUESTS: { readonly [T in RequestType]: Extract<RequestFrame, { type: T }> } = {
  message: { type: "message", text: "hello", id: "m1" },
  edit: { type: "edit", seq: 1, text: "hello", id: "c1" },
  history: { type: "history", limit: 10 },
  typing: { type: "typing", active: true },
  read: { type: "read", seq: 1 },
  stream_start: { type: "stream_start", id: "s1" },
  stream_append: { type: "stream_append", stream: HANDLE, n: 1, text: "a" },
  stream_end: { type: "stream_end", stream: HANDLE },
  stream_cancel: { type: "stream_cancel", stream: HANDLE },
};

describe("every request, in every situation", () => {
  const SITUATIONS = {
    joining: JOINING,
    behind: MEMBERSHIPS.behind,
    open: openMembership(undefined),
    "open, reading": { phase: "open", reading: "asked", held: 0, writeRefusal: undefined },
    "open, reading, one held": { phase: "open", reading: "sent", held: 1, writeRefusal: undefined },
    "open, read-only": openMembership(READ_ONLY),
    left: LEFT,
  } as const satisfies Record<string, Membership>;

  // Each cell: the effects, and the outcome that the connection counts.
  const REQUEST_TABLE: Record<keyof typeof SITUATIONS, Record<RequestType, string>> = {
    joining: {
      stream_start: "hold: held",
      stream_append: "hold: held",
      stream_end: "hold: held",
      stream_cancel: "hold: held",
      message: "hold: held",
      edit: "hold: held",
      history: "hold: held",
      typing: "hold: held",
      read: "hold: held",
    },
    behind: {
      stream_start: "hold: held",
      stream_append: "hold: held",
      stream_end: "hold: held",
      stream_cancel: "stream: done",
      message: "hold: held",
      edit: "hold: held",
      history: "hold: held",
      typing: "typing: done",
      read: "mark: done",
    },
    open: {
      stream_start: "stream: asked",
      stream_append: "stream: done",
      stream_end: "stream: asked",
      stream_cancel: "stream: done",
      message: "post: asked",
      edit: "change: asked",
      history: "read_history: asked",
      typing: "typing: done",
      read: "mark: done",
    },
    "open, reading": {
      stream_start: "stream: asked",
      stream_append: "stream: done",
      stream_end: "stream: asked",
      stream_cancel: "stream: done",
      message: "post: asked",
      edit: "change: asked",
      history: "hold: held",
      typing: "typing: done",
      read: "mark: done",
    },
    "open, reading, one held": {
      stream_start: "hold: held",
      stream_append: "hold: held",
      stream_end: "hold: held",
      stream_cancel: "stream: done",
      message: "hold: held",
      edit: "hold: held",
      history: "hold: held",
      typing: "typing: done",
      read: "mark: done",
    },
    "open, read-only": {
      stream_start: "error: done",
      stream_append: "error: done",
      stream_end: "error: done",
      stream_cancel: "stream: done",
      message: "error: done",
      edit: "error: done",
      history: "read_history: asked",
      typing: "error: done",
      read: "mark: done",
    },
    left: {
      stream_start: ": done",
      stream_append: ": done",
      stream_end: ": done",
      stream_cancel: ": done",
      message: ": done",
      edit: ": done",
      history: ": done",
      typing: ": done",
      read: ": done",
    },
  };

  for (const [situation, row] of Object.entries(REQUEST_TABLE)) {
    for (const [type, cell] of Object.entries(row)) {
      test(`D2 B1 ${situation}, ${type} → ${cell}`, () => {
        const membership = SITUATIONS[situation as keyof typeof SITUATIONS];
        const result = stepRequest(membership, REQUESTS[type as RequestType], RULES);
        const effects = summary({ phase: "", effects: result.effects }).trim();
        expect(`${effects}: ${result.outcome}`).toBe(cell);
      });
    }
  }

  test("B2 the request that fills what a conversation holds is held, and its outcome is `full`", () => {
    const almostFull: Membership = { phase: "behind", position: 0, held: 30, writeRefusal: undefined };
    const last = stepRequest(almostFull, REQUESTS.message, RULES);
    expect(last).toMatchObject({ membership: { held: 31 }, outcome: "held" });
    expect(stepRequest(last.membership, REQUESTS.message, RULES)).toEqual({
      membership: { ...almostFull, held: 32 },
      effects: [{ type: "hold", frame: REQUESTS.message }],
      outcome: "full",
    });
  });

  test("A1 a message without the right to write is refused as `forbidden`, with its id; typing has none", () => {
    const refusal = (frame: RequestFrame) =>
      sentFrames(stepRequest(openMembership(READ_ONLY), frame, RULES).effects);
    const error = { type: "error", code: "forbidden", message: READ_ONLY } as const;
    expect(refusal(REQUESTS.message)).toEqual([{ ...error, id: "m1" }]);
    expect(refusal(REQUESTS.typing)).toEqual([error]);
  });
});

describe("the position, and the rights", () => {
  test("D4 a member that is behind keeps the `seq` up to which it was sent everything", () => {
    const opened = stepMembership(JOINING, { ...OPENED, behind: true, position: 4 }, RULES).membership;
    expect(opened).toEqual({ phase: "behind", position: 4, held: 0, writeRefusal: undefined });
    expect(stepMembership(opened, EVENTS.page_sent, RULES).membership).toEqual({
      phase: "behind",
      position: 9,
      held: 0,
      writeRefusal: undefined,
    });
  });

  test("A2 another token changes the right to write, also while the client catches up, and loses no request", () => {
    for (const phase of ["behind", "open"] as const)
      expect(stepMembership(MEMBERSHIPS[phase], EVENTS.rights_changed, RULES).membership).toEqual({
        ...MEMBERSHIPS[phase],
        writeRefusal: READ_ONLY,
      });
  });

  test("members that may write and wait for nothing share one state: an idle connection has none of its own", () => {
    const opened = stepMembership(JOINING, OPENED, RULES).membership;
    expect(opened).toBe(openMembership(undefined));
    const asked = stepRequest(opened, REQUESTS.history, RULES).membership;
    const sent = stepMembership(asked, EVENTS.history_read, RULES).membership;
    expect(stepMembership(sent, EVENTS.page_left, RULES).membership).toBe(opened);
    expect(stepRequest(opened, REQUESTS.message, RULES).membership).toBe(opened);
    expect(stepMembership(opened, EVENTS.posted, RULES).membership).toBe(opened);
  });
});

test("MB6 a conversation that was removed ends the connection, after its answer was counted", () => {
  for (const conversation of ["lobby", "_given"]) {
    const posted: MembershipEvent = {
      type: "posted",
      id: "m1",
      conversation,
      result: { outcome: "removed" },
    };
    expect(stepMembership(openMembership(undefined), posted, RULES).effects).toEqual([
      { type: "answered", quota: undefined },
      { type: "end", ending: closeForRemoval(conversation) },
    ]);
  }
});

test("MB6 only a conversation whose name the server did not give can be started again", () => {
  const messages = ["lobby", "_given"].map((name) => closeForRemoval(name).error?.message);
  expect(messages).toEqual([
    "This conversation was removed. Delete the messages you have of it; open it without an `epoch` to start a new one.",
    "This conversation was removed. Delete the messages you have of it.",
  ]);
});
