import { describe, expect, test } from "bun:test";
import { SERVER_FRAMES } from "../../../src/protocol/server-frames.ts";
import { compareFrames } from "../../../src/scenario/compare/compare-frames.ts";
import { FIELD_RULES, SIGNIFICANT_OPTIONAL_FIELDS } from "../../../src/scenario/compare/field-rules.ts";
import { epochKeyOf, type IdentityMapping, NameMapping } from "../../../src/scenario/compare/name-mapping.ts";
import { beginRecording, entryOf } from "../../../src/scenario/format/build-recording.ts";
import type { Frame, RecordingKind } from "../../../src/scenario/format/recording.ts";

const SPACE = epochKeyOf("lobby", "e1");

/**
 * Compares frames one after the other, as a connection receives them, and returns the paths of the differences in each.
 */
function compareAll(
  pairs: readonly (readonly [Frame, Frame])[],
  { kind = "recording", cast = {}, sent = [], base }: Partial<Setup> = {},
): string[][] {
  const recording = beginRecording(0, "here", [{ name: "ann", user: "user1", conversation: "lobby" }]);
  const entries = sent.map((id) => {
    const data = JSON.stringify({ type: "message", id, text: "x" });
    return entryOf({ at: 0, client: "ann", type: "sent", data }, 0);
  });
  const names = new NameMapping(
    { ...recording, entries },
    { users: new Map(), conversations: new Map(), ...cast },
  );
  if (base !== undefined) names.learnBase(SPACE, ...base);
  return pairs.map(([expected, received]) => {
    const context = { kind, mapping: names, epochKey: SPACE, comparesPresence: true };
    const { differences, learn } = compareFrames(expected, received, context);
    if (differences.length === 0) learn();
    return differences.map(({ path }) => path);
  });
}

interface Setup {
  readonly kind: RecordingKind;
  readonly cast: Partial<IdentityMapping>;
  /** Ids of messages that the recording sends. */
  readonly sent: readonly string[];
  /** The `seq` at which the recording, and the run, received in. */
  readonly base: readonly [number, number];
}

const message = (seq: number, id: string, more: Frame = {}): Frame => ({
  type: "message",
  seq,
  id,
  from: "user1",
  text: "hello",
  at: 1,
  ...more,
});

describe("of a recording", () => {
  test("times, quota numbers and texts for people may differ; their fields may not be missing", () => {
    const quota = { limit: 100, remaining: 99, reset: 3600 };
    const ack = { type: "ack", id: "m1", seq: 1, at: 5, quota };
    const later = { ...ack, at: 900, quota: { limit: 1000, remaining: 1, reset: 0.5 } };
    const { quota: _, ...bare } = later;
    const error = { type: "error", code: "invalid", message: "`text`: must not be empty." };
    expect(
      compareAll(
        [
          [ack, later],
          [ack, bare],
          [error, { ...error, message: "no" }],
          [error, { ...error, code: "malformed" }],
        ],
        { sent: ["m1"] },
      ),
    ).toEqual([[], ["quota"], [], ["code"]]);
  });

  test("N3 lost or skipped messages are counted from where the conversation began to be watched", () => {
    const welcome = (fields: Frame): Frame => ({ type: "welcome", resumed: true, ...fields });
    expect(
      compareAll(
        ["lost", "skipped"].flatMap((name) => [
          [welcome({ [name]: { first: 43, last: 44 } }), welcome({ [name]: { first: 3, last: 4 } })],
          [welcome({ [name]: { first: 43, last: 44 } }), welcome({ [name]: { first: 3, last: 5 } })],
          [welcome({}), welcome({ [name]: { first: 3, last: 4 } })],
        ]),
        { base: [41, 1] },
      ),
    ).toEqual([[], ["lost.last"], ["lost"], [], ["skipped.last"], ["skipped"]]);
  });

  test("the clients' texts are compared whole, and an additional one is a difference", () => {
    const sent = message(1, "m1", { data: { a: [1, { b: 2 }] } });
    expect(
      compareAll(
        [
          [sent, message(1, "m1", { data: { a: [1, { b: 2 }] } })],
          [sent, message(1, "m1", { data: { a: [1, { b: 3 }], c: 1 }, text: "hallo" })],
          [message(1, "m1"), message(1, "m1", { data: {} })],
          [
            { type: "ack", id: "m1", seq: 1, at: 1, quota: {} },
            { type: "ack", id: "m1", seq: 1, at: 1, quota: {}, duplicate: true },
          ],
          [message(1, "m1"), message(1, "m1", { field_of_a_newer_server: 1 })],
        ],
        { sent: ["m1"] },
      ),
    ).toEqual([[], ["text", "data.a[1].b", "data.c"], ["data"], ["duplicate"], []]);
  });

  test("seqs are counted from where the conversation was when the run began", () => {
    const pairs = [
      [message(42, "m1"), message(8, "m1")],
      [message(43, "m1"), message(10, "m1")],
      [
        { type: "read", user: "user1", seq: 42 },
        { type: "read", user: "user1", seq: 8 },
      ],
    ] as const;
    expect(compareAll(pairs, { sent: ["m1"], base: [41, 7] })).toEqual([[], ["seq"], []]);
  });

  test("a name made by the server differs, but consistently", () => {
    const pairs = [
      [message(1, "s1"), message(1, "x1")],
      [message(2, "s2"), message(2, "x1")],
      [message(2, "s2"), message(2, "x2")],
      [message(1, "s1"), message(1, "x2")],
      [message(1, "s1"), message(1, "x1")],
      [message(3, "m1"), message(3, "x3")],
    ] as const;
    expect(compareAll(pairs, { sent: ["m1"] })).toEqual([[], ["id"], [], ["id"], [], ["id"]]);
  });

  test("an epoch differs, until it changed in the recording", () => {
    const welcome = (epoch: string) => ({ type: "welcome", epoch });
    const pairs = [
      [welcome("e1"), welcome("x1")],
      [welcome("e1"), welcome("x2")],
      [welcome("e2"), welcome("x1")],
      [welcome("e2"), welcome("x2")],
    ] as const;
    expect(compareAll(pairs)).toEqual([[], ["epoch"], ["epoch"], []]);
  });

  test("another user may play a role, and may have another plan", () => {
    const welcome = { type: "welcome", user: "user1", plan: "free", conversation: "lobby" };
    const received = { type: "welcome", user: "alice", plan: "basic", conversation: "test-1" };
    const cast = { users: new Map([["user1", "alice"]]), conversations: new Map([["lobby", "test-1"]]) };
    expect(compareAll([[welcome, received]], { cast })).toEqual([[]]);
    expect(compareAll([[welcome, { ...received, plan: "free" }]])).toEqual([["user", "conversation"]]);
  });

  test("present users are compared in any order; foreign ones do not count", () => {
    const welcome = (...users: string[]) => ({
      type: "welcome",
      present: users.map((user) => ({ user, since: 1 })),
    });
    const pairs = [
      [welcome("user1", "user2"), welcome("user3", "user2", "user1")],
      [welcome("user1", "user2"), welcome("user1")],
    ] as const;
    expect(compareAll(pairs)).toEqual([[], ["present[1].user"]]);
  });

  test("of a history only the recording's own messages are compared", () => {
    const history = (from: number, to: number, more: boolean) => {
      const all = Array.from({ length: to - from + 1 }, (_, index) =>
        message(from + index, `m${from + index}`),
      );
      return { type: "history", messages: all, more, quota: {} };
    };
    expect(compareAll([[history(1, 3, false), history(1, 3, false)]])).toEqual([[]]);
    expect(compareAll([[history(1, 3, false), history(1, 2, true)]])).toEqual([["messages.length", "more"]]);
    // Two before it and one of its own: in an empty conversation there is only that one.
    const alone = { type: "history", messages: [message(1, "m3")], more: false, quota: {} };
    const lost = { ...alone, messages: [] };
    const setup = { sent: ["m3"], base: [2, 0] } as const;
    expect(compareAll([[history(1, 3, true), alone]], setup)).toEqual([[]]);
    expect(compareAll([[history(1, 3, true), lost]], setup)).toEqual([["messages[0]"]]);
  });
});

describe("of a scenario", () => {
  test("only the named fields are compared, with exact values", () => {
    const received = {
      type: "ack",
      id: "m1",
      seq: 1,
      at: 5,
      quota: { limit: 100, remaining: 99 },
      duplicate: true,
    };
    const expected = [
      { type: "ack", id: "m1" },
      { type: "ack", quota: { remaining: 99 } },
      { type: "ack", quota: { remaining: 98 } },
      { type: "ack", at: 4 },
    ];
    const pairs = expected.map((frame) => [frame, received] as const);
    expect(compareAll(pairs, { kind: "scenario" })).toEqual([[], [], ["quota.remaining"], ["at"]]);
  });
});

describe("a matcher instead of a value", () => {
  const received = { type: "ack", seq: 3, text: "hello", quota: { remaining: 5 }, list: [1], nothing: null };
  const CASES: readonly (readonly [Frame, readonly string[]])[] = [
    [{ seq: { $any: true } }, []],
    [{ missing: { $any: true } }, ["missing"]],
    [{ missing: { $absent: true } }, []],
    [{ seq: { $absent: true } }, ["seq"]],
    [{ text: { $match: "^hel+o$" } }, []],
    [{ text: { $match: "^b" } }, ["text"]],
    [{ seq: { $match: "3" } }, ["seq"]],
    [{ seq: { $gte: 3, $lte: 3 } }, []],
    [{ seq: { $gte: 4 } }, ["seq"]],
    [{ seq: { $lte: 2 } }, ["seq"]],
    [{ list: { $type: "array" }, nothing: { $type: "null" }, seq: { $type: "number" } }, []],
    [{ quota: { $type: "array" } }, ["quota"]],
    [{ quota: { $eq: { remaining: 5 } } }, []],
    [{ quota: { $eq: { remaining: 5, limit: 1 } } }, ["quota"]],
    [{ list: [{ $gte: 2 }] }, ["list[0]"]],
  ];
  for (const kind of ["recording", "scenario"] as const)
    test.each(CASES)(`in a ${kind}: %j`, (frame, paths) => {
      expect(compareAll([[{ type: "ack", ...frame }, received]], { kind })[0]).toEqual([...paths]);
    });

  test("wins over what a recording ignores", () => {
    const quota = (remaining: unknown) => ({ type: "ack", quota: { limit: 100, remaining } });
    const pairs = [
      [quota({ $gte: 90 }), quota(90)],
      [quota({ $gte: 90 }), quota(89)],
    ] as const;
    expect(compareAll(pairs)).toEqual([[], ["quota.remaining"]]);
  });
});

describe("the tables", () => {
  test("contain only frames and fields of the protocol", () => {
    for (const [type, fields] of Object.entries(FIELD_RULES))
      for (const field of Object.keys(fields)) {
        const [frame, shape] = [type, SERVER_FRAMES[type as keyof typeof SERVER_FRAMES].shape];
        expect([frame, field, Object.hasOwn(shape, field)]).toEqual([frame, field, true]);
      }
  });

  test("contain every optional field", () => {
    for (const [type, schema] of Object.entries(SERVER_FRAMES)) {
      const optional = Object.entries(schema.shape).filter(([, field]) => field.safeParse(undefined).success);
      expect([type, (SIGNIFICANT_OPTIONAL_FIELDS[type] ?? []).toSorted()]).toEqual([
        type,
        optional.map(([name]) => name).sort(),
      ]);
    }
  });
});
