// Three ways to break the promises of changes, each a real part that is wrapped in one that misbehaves (broken.ts).
import type { ChangedEntry } from "../../../src/core/changes/fold.ts";
import type { ChangeEvent, Changes } from "../../../src/core/ports/conversation/changes.ts";
import type { Engine } from "../../../src/core/ports/engine.ts";
import { overrideEngine } from "../../support/server/override-engine.ts";
import type { Defect } from "./broken.ts";

/** One change in so many is not announced. */
const DROP_ONE_IN = 9;

export const CHANGE_DEFECTS = {
  "the announcement": { engine: skipChanges },
  "the fold": { engine: countOneReactionMore },
  "the erasure": { engine: announceErasedText },
} satisfies Record<string, Defect>;

export type ChangeDefectName = keyof typeof CHANGE_DEFECTS;

/** `changes` with some methods replaced. */
function overrideChanges(engine: Engine, overrides: Partial<Changes>): Engine {
  const { changes } = engine;
  const all: Changes = {
    change: (request, done) => changes.change(request, done),
    consider: (request, done) => changes.consider(request, done),
    rev: (conversation) => changes.rev(conversation),
    missed: (conversation, plan, user) => changes.missed(conversation, plan, user),
    mine: (conversation, user, seqs) => changes.mine(conversation, user, seqs),
    watch: (listener) => changes.watch(listener),
  };
  return overrideEngine(engine, { changes: { ...all, ...overrides } });
}

/** Announces some changes as if they had set nothing. */
function skipChanges(engine: Engine): Engine {
  let changes = 0;
  return overrideChanges(engine, {
    watch: (listener) =>
      engine.changes.watch((event) => {
        const isSkipped = event.type === "changed" && ++changes % DROP_ONE_IN === 0;
        listener(isSkipped ? withSet(event, "{}") : event);
      }),
  });
}

/** Folds count one user more than reacted. */
function countOneReactionMore(engine: Engine): Engine {
  const withOneMore = ({ entry, ...rest }: ChangedEntry): ChangedEntry => ({
    ...rest,
    entry: { ...entry, body: entry.body.replace(/"count":(\d+)/, (_, n) => `"count":${Number(n) + 1}`) },
  });
  return overrideChanges(engine, {
    missed: async (conversation, plan, user) => {
      const missed = await engine.changes.missed(conversation, plan, user);
      return missed && { ...missed, changed: missed.changed.map(withOneMore) };
    },
  });
}

/** Says that a message was erased, and leaves its text to the clients that hold it. */
function announceErasedText(engine: Engine): Engine {
  return overrideChanges(engine, {
    watch: (listener) =>
      engine.changes.watch((event) => {
        if (event.type !== "changed" || event.change.kind !== "erase") return listener(event);
        const { text: _, ...set } = JSON.parse(event.change.set) as { text?: string };
        listener(withSet(event, JSON.stringify(set)));
      }),
  });
}

function withSet(event: Extract<ChangeEvent, { type: "changed" }>, set: string): ChangeEvent {
  return { ...event, change: { ...event.change, set } };
}
