import { expect, test } from "bun:test";
import {
  type Change,
  type ChangeDecision,
  type ChangedMessage,
  type ChangeScene,
  decideChange,
} from "../../../src/core/changes/decide-change.ts";
import { encodeFold } from "../../../src/core/changes/fold.ts";
import {
  type ChangeState,
  decodeState,
  encodeState,
  presentBody,
} from "../../../src/core/changes/message-state.ts";
import { encodeMessageBody, encodeStreamBody } from "../../../src/core/conversation/entry.ts";
import { MAX_FRAME_BYTES, MAX_REACTIONS, MAX_REACTIONS_PER_USER } from "../../../src/protocol/limits.ts";
import { Random, seeds } from "../../support/random.ts";
import { applySet, type MadeChange, presentOf, type WireMessage } from "./change-model.ts";

const USERS = ["ann", "ben", "carl", "dora", "eve", "finn", "gil", "hana"];
/** Names that objects have already, that are ordered as numbers, or that need more than one code unit. */
const NAMES = ["__proto__", "constructor", "toString", "1", "0", "👍", "ok", "\u{1F469}\u200D\u{1F680}"];

/** A message in a store that does what an engine must: it keeps its body, its state, and who has reacted how. */
class StoredMessage {
  readonly from = "ann";
  readonly at = 1_000;
  state: ChangeState | undefined;
  given: { user: string; name: string }[] = [];
  rev = 0;

  constructor(public body: string) {}

  decide(change: Change, scene: Partial<ChangeScene> = {}): ChangeDecision {
    const { by = "ann", now = 2_000 } = scene;
    const message: ChangedMessage = {
      ...{ from: this.from, at: this.at, body: this.body, state: this.state },
      ...(change.kind === "react" && {
        own: this.given.filter(({ user }) => user === by).map(({ name }) => name),
        newest: this.given
          .filter(({ name }) => name === change.reaction)
          .map(({ user }) => user)
          .toReversed()
          .slice(0, 6),
      }),
    };
    const decision = decideChange(message, change, {
      ...{ moderates: false, refusal: undefined, editWithin: 0, ...scene, by, now, rev: this.rev + 1 },
    });
    if (decision.outcome !== "changed") return decision;
    this.rev++;
    this.body = decision.body ?? this.body;
    this.state = decodeState(encodeState(decision.state));
    if (change.kind === "react" && change.on) this.given.push({ user: by, name: change.reaction });
    else if (change.kind === "react")
      this.given = this.given.filter(({ user, name }) => user !== by || name !== change.reaction);
    return decision;
  }

  present(): WireMessage {
    return JSON.parse(`{${presentBody(this.body, this.state)}}`);
  }
}

function randomChange(random: Random): { change: Change; by: string } {
  const by = random.pick(USERS);
  const kind = random.between(0, 99);
  if (kind < 70)
    return { by, change: { kind: "react", reaction: random.pick(NAMES), on: random.between(0, 2) > 0 } };
  if (kind < 71) return { by, change: { kind: "erase", ...(random.between(0, 1) === 0 && { reason: "r" }) } };
  const text = random.pick([undefined, "", "one", 'quote " and \\ and \u2028', "text"]);
  const data = random.pick([undefined, null, '{"n":1}', '{"__proto__":{"x":1},"1":2}']);
  const ifRev = random.between(0, 3) === 0 ? random.between(0, 5) : undefined;
  return {
    by: random.between(0, 3) > 0 ? "ann" : by,
    change: {
      kind: "edit",
      ...(text === undefined && data === undefined ? { text: "x" } : {}),
      ...(text !== undefined && { text }),
      ...(data !== undefined && { data }),
      ...(ifRev !== undefined && { ifRev }),
    },
  };
}

for (const seed of seeds(1, 2, 3)) {
  test(`CH1 CH2 copying \`set\`, and a fold at any moment, give what the message is now (seed ${seed})`, () => {
    const random = new Random(seed);
    const outcomes = new Set<string>();
    for (let round = 0; round < 60; round++) {
      const content = random.pick<WireMessage>([
        { text: "first" },
        { text: "first", data: { k: [1, null] }, reply_to: 7 },
        { text: "", data: { only: "data" } },
      ]);
      const { text, data, reply_to } = content;
      const stored = new StoredMessage(
        encodeMessageBody(text as string, data as { [key: string]: string }, reply_to as number | undefined),
      );
      const made: MadeChange[] = [];
      let held: WireMessage = content;
      let late: WireMessage = content;
      for (let step = 0; step < 40; step++) {
        const { change, by } = randomChange(random);
        const at = 2_000 + step;
        const decision = stored.decide(change, { by, now: at, moderates: random.between(0, 5) === 0 });
        outcomes.add(decision.outcome);
        if (decision.outcome === "changed") {
          made.push({ by, at, rev: stored.rev, change });
          // `rev` is in the frame beside `set`.
          held = { ...applySet(held, JSON.parse(decision.set)), rev: stored.rev };
        }
        const present = presentOf(content, made);
        expect(stored.present()).toEqual(present);
        expect(held).toEqual(present);
        // Somebody who was away, and comes back now and then.
        if (stored.state !== undefined && random.between(0, 9) === 0) {
          const entry = {
            ...{ kind: "message" as const, seq: 1, id: "a", from: "ann", at: 1_000 },
            body: presentBody(stored.body, stored.state),
          };
          const fold = JSON.parse(encodeFold({ entry, rev: stored.rev, changedAt: at }));
          expect([fold.rev, fold.kind, fold.at]).toEqual([stored.rev, "fold", at]);
          late = { ...applySet(late, fold.set, true), rev: fold.rev };
          expect(late).toEqual(present);
        }
      }
    }
    for (const outcome of ["changed", "duplicate", "conflict", "erased", "not_own", "empty"])
      expect(outcomes).toContain(outcome);
  });
}

test("CH4 who may change what, with and without EDIT_SECONDS", () => {
  const body = encodeMessageBody("text");
  const edit: Change = { kind: "edit", text: "x" };
  const erase: Change = { kind: "erase" };
  const react: Change = { kind: "react", reaction: "x", on: true };
  const outcome = (change: Change, scene: Partial<ChangeScene>) =>
    new StoredMessage(body).decide(change, scene).outcome;
  const cases: [Partial<ChangeScene>, edit: string, erase: string, react: string][] = [
    [{}, "changed", "changed", "changed"],
    [{ by: "ben" }, "not_own", "not_own", "changed"],
    [{ by: "ben", moderates: true }, "not_own", "changed", "changed"],
    [{ editWithin: 1_000, now: 2_000 }, "changed", "changed", "changed"],
    [{ editWithin: 1_000, now: 2_001 }, "too_late", "too_late", "changed"],
    [{ editWithin: 1_000, now: 2_001, moderates: true }, "too_late", "changed", "changed"],
    [{ refusal: { outcome: "muted" } }, "muted", "changed", "muted"],
    [{ refusal: { outcome: "muted" }, by: "ben" }, "muted", "not_own", "muted"],
    [{ refusal: { outcome: "forbidden" } }, "forbidden", "forbidden", "forbidden"],
    [{ refusal: { outcome: "banned" }, moderates: true }, "banned", "banned", "banned"],
  ];
  for (const [scene, ...expected] of cases)
    expect<unknown[]>([scene, ...[edit, erase, react].map((change) => outcome(change, scene))]).toEqual([
      scene,
      ...expected,
    ]);
});

test("CH3 an erasure leaves no text, data or reaction, and wins over each later change", () => {
  const message = new StoredMessage(encodeMessageBody("secret", { secret: 1 }, 3));
  message.decide({ kind: "react", reaction: "secret", on: true });
  message.decide({ kind: "edit", text: "secret too" });
  const decision = message.decide({ kind: "erase", reason: "why" });
  expect(JSON.stringify([decision, message.body, message.state])).not.toContain("secret");
  expect(message.present()).toEqual({
    ...{ text: "", reply_to: 3, rev: 3, edited: { at: 2_000, rev: 2 } },
    erased: { by: "ann", at: 2_000, reason: "why" },
  });
  expect(message.decide({ kind: "edit", text: "x" }).outcome).toBe("erased");
  expect(message.decide({ kind: "react", reaction: "x", on: false }).outcome).toBe("erased");
  expect(message.decide({ kind: "erase" }).outcome).toBe("duplicate");
});

test("CH3 ST4 a stream that was discarded is erased already", () => {
  const ending = { stream: "abcdefghijkl", state: "cancelled" as const };
  const erased = { by: "ann", at: 5 };
  const message = new StoredMessage(
    encodeStreamBody({ text: "", data: undefined, replyTo: 2, ending, erased }),
  );
  expect(message.decide({ kind: "edit", text: "x" }).outcome).toBe("erased");
  expect(message.decide({ kind: "erase" }).outcome).toBe("duplicate");
});

test("CH4 a message has at most 50 different reactions, and eight of one user", () => {
  const message = new StoredMessage(encodeMessageBody("text"));
  const react = (by: string, reaction: string, on = true) =>
    message.decide({ kind: "react", reaction, on }, { by }).outcome;
  for (let i = 1; i <= MAX_REACTIONS; i++)
    expect(react(`user-${Math.ceil(i / MAX_REACTIONS_PER_USER)}`, `name-${i}`)).toBe("changed");
  for (const name of ["name-51", "constructor", "__proto__"])
    expect([name, react("new", name)]).toEqual([name, "too_many_reactions"]);
  expect(react("new", "name-1")).toBe("changed");
  for (let i = 2; i <= MAX_REACTIONS_PER_USER; i++) expect(react("new", `name-${i}`)).toBe("changed");
  expect(react("new", "name-20")).toBe("too_many_reactions");
  expect(react("new", "name-20", false)).toBe("duplicate");
  expect(react("new", "name-1", false)).toBe("changed");
  expect(react("new", "name-20")).toBe("changed");
});

test("CH4 an edit may not make a message longer than a frame, but a long stream may become shorter", () => {
  const ending = { stream: "abcdefghijkl", state: "done" as const };
  const long = "x".repeat(MAX_FRAME_BYTES * 2);
  const message = new StoredMessage(
    encodeStreamBody({ text: long, data: undefined, replyTo: undefined, ending }),
  );
  expect(message.decide({ kind: "edit", text: `${long}y` }).outcome).toBe("too_large");
  expect(message.decide({ kind: "edit", data: '{"n":1}' }).outcome).toBe("too_large");
  expect(message.decide({ kind: "edit", text: long.slice(9) }).outcome).toBe("changed");
  const short = new StoredMessage(encodeMessageBody("short"));
  expect(short.decide({ kind: "edit", text: long }).outcome).toBe("too_large");
});
