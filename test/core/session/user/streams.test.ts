import { expect, test } from "bun:test";
import { JOINING } from "../../../../src/core/session/membership-state.ts";
import type { UserConversation, UserRequest } from "../../../../src/core/session/user/state.ts";
import { outside, stepUserRequest } from "../../../../src/core/session/user/step.ts";

type StreamRequest = Extract<UserRequest, { type: `stream_${string}` }>;

const ALLOWED = { read: undefined, write: undefined };
const HANDLE = "pO3cWg7kQ2xA";
const FREE = { isFull: false, isReading: false };
const common = { refusals: ALLOWED, waiting: 0, voided: 0 };
const behind = { phase: "behind", position: 4, held: 0, writeRefusal: undefined } as const;

const REQUESTS: { readonly [T in StreamRequest["type"]]: Extract<StreamRequest, { type: T }> } = {
  stream_start: { type: "stream_start", conversation: "a", id: "s1" },
  stream_append: { type: "stream_append", conversation: "a", stream: HANDLE, n: 1, text: "a" },
  stream_end: { type: "stream_end", conversation: "a", stream: HANDLE },
  stream_cancel: { type: "stream_cancel", conversation: "a", stream: HANDLE },
};

/** The effects and the outcome, in the order of REQUESTS. */
const TABLE: readonly [string, UserConversation, readonly string[]][] = [
  ["not open", outside(ALLOWED), ["stream asked", "stream done", "stream asked", "stream done"]],
  [
    "not open, read-only",
    outside({ read: undefined, write: "No." }),
    ["note send done", "note send done", "note send done", "stream done"],
  ],
  [
    "not open, nothing allowed",
    outside({ read: "No.", write: "No." }),
    ["note send done", "note send done", "note send done", "note send done"],
  ],
  [
    "being opened",
    {
      ...common,
      phase: "opening",
      item: { type: "open", resume: undefined, id: undefined },
      membership: JOINING,
    },
    ["hold held", "hold held", "hold held", "hold held"],
  ],
  [
    "catching up",
    { ...common, phase: "inside", membership: behind },
    ["hold held", "hold held", "hold held", "stream done"],
  ],
];

for (const [situation, state, cells] of TABLE)
  for (const [index, request] of Object.values(REQUESTS).entries())
    test(`MX3 ${situation}, ${request.type} → ${cells[index]}`, () => {
      const { effects, outcome } = stepUserRequest(state, request, FREE);
      expect([...effects.map(({ type }) => type), outcome].join(" ")).toBe(cells[index]!);
    });
