// The life of a draft as a pure step: state, event, now → next state and outcome. An engine carries it out in one
// step of its store. Times are in milliseconds.
//
//   none ──start──▶ open ──end, cancel with discard, lease or time over, writer refused──▶ none, and one message
//                  ▲    │
//                  └────┘ take over, restart, append, renew, cancel

import type { StreamState } from "../../protocol/frames/stream-frames.ts";
import { MAX_OPEN_STREAMS } from "../../protocol/limits.ts";
import type { StreamEnd } from "../ports/conversation/streams.ts";

export interface StreamRules {
  /** How long a stream stays open when its writer is gone. */
  readonly lease: number;
  /** How long it stays open without an append. */
  readonly idle: number;
  /** How long it may last. */
  readonly max: number;
  /** The most bytes of its text, as JSON. */
  readonly maxBytes: number;
  /** Streams that a user may have open. */
  readonly maxOpen: number;
}

/** The rules where no setting says otherwise. */
export const DEFAULT_STREAM_RULES: StreamRules = {
  lease: 30_000,
  idle: 300_000,
  max: 3_600_000,
  maxBytes: 262_144,
  maxOpen: MAX_OPEN_STREAMS,
};

/** How long the writer has to end a stream that it was asked to stop. */
export const CANCEL_GRACE_MS = 5_000;

/** An open stream, without its text. */
export interface Draft {
  /** Grows with each writer; what names another one is `fenced`. */
  readonly generation: number;
  /** The newest append that is stored; 0 for none. */
  readonly n: number;
  /** Bytes of the text, as JSON. */
  readonly bytes: number;
  readonly startedAt: number;
  readonly appendedAt: number;
  readonly leaseUntil: number;
  /** The user who asked it to stop, and when the server does it itself. */
  readonly cancel: { readonly by: string; readonly until: number } | undefined;
}

/** An append: its number, and its bytes as JSON. */
export interface AppendSize {
  readonly n: number;
  readonly bytes: number;
}

export type DraftEvent =
  /** The same user starts the same id again. */
  | { readonly type: "start"; readonly restart: boolean }
  | { readonly type: "append"; readonly generation: number; readonly appends: readonly AppendSize[] }
  /** The writer is connected, or its connection has just ended. */
  | { readonly type: "renew"; readonly generation: number }
  | { readonly type: "cancel"; readonly by: string; readonly discard: boolean }
  | { readonly type: "end"; readonly generation: number; readonly state: StreamEnd["state"] }
  /** The writer may not write any more. */
  | { readonly type: "refuse" }
  /** Time has passed. */
  | { readonly type: "due" };

export type DraftOutcome =
  | { readonly type: "taken_over"; readonly dropsText: boolean }
  /** All but the first `skip` appends are new, and are to be stored. */
  | { readonly type: "stored"; readonly n: number; readonly skip: number }
  | { readonly type: "renewed" }
  /** The writer is to be notified. */
  | { readonly type: "asked_to_stop"; readonly by: string }
  /** It becomes a message; `erasedBy`: one without content. */
  | { readonly type: "ended"; readonly state: StreamState; readonly erasedBy?: string }
  | { readonly type: "gap"; readonly n: number }
  | { readonly type: "too_large" }
  | { readonly type: "fenced" }
  | { readonly type: "none" };

export interface DraftStep {
  /** Undefined: there is none (any more). */
  readonly draft: Draft | undefined;
  readonly outcome: DraftOutcome;
}

/** The draft of a stream that was just started. */
export function newDraft(now: number, rules: StreamRules): Draft {
  return {
    generation: 1,
    n: 0,
    bytes: 0,
    startedAt: now,
    appendedAt: now,
    leaseUntil: now + rules.lease,
    cancel: undefined,
  };
}

/** One step of a draft. Without one, what a writer sends is `fenced`: it was ended, or never there. */
export function stepDraft(
  draft: Draft | undefined,
  event: DraftEvent,
  now: number,
  rules: StreamRules,
): DraftStep {
  if (draft === undefined) {
    const isWriters = event.type === "append" || event.type === "renew" || event.type === "end";
    return { draft, outcome: { type: isWriters ? "fenced" : "none" } };
  }
  if ("generation" in event && event.generation !== draft.generation)
    return { draft, outcome: { type: "fenced" } };
  switch (event.type) {
    case "start": {
      const next = { ...draft, generation: draft.generation + 1, leaseUntil: now + rules.lease };
      return {
        draft: event.restart ? { ...next, n: 0, bytes: 0, appendedAt: now } : next,
        outcome: { type: "taken_over", dropsText: event.restart },
      };
    }
    case "append":
      return onAppend(draft, event.appends, now, rules);
    case "renew":
      return { draft: { ...draft, leaseUntil: now + rules.lease }, outcome: { type: "renewed" } };
    case "cancel": {
      const { by } = event;
      if (event.discard) return ended("cancelled", by);
      // Another request to stop gives the writer no more time.
      if (draft.cancel !== undefined)
        return { draft, outcome: { type: "asked_to_stop", by: draft.cancel.by } };
      return {
        draft: { ...draft, cancel: { by, until: now + CANCEL_GRACE_MS } },
        outcome: { type: "asked_to_stop", by },
      };
    }
    case "end":
      return ended(event.state ?? (draft.cancel === undefined ? "done" : "cancelled"));
    case "refuse":
      return ended("interrupted");
    case "due":
      if (draft.cancel !== undefined && now >= draft.cancel.until) return ended("cancelled");
      return now >= dueAt(draft, rules) ? ended("interrupted") : { draft, outcome: { type: "none" } };
    default:
      return event satisfies never;
  }
}

/** When the server ends a draft by itself, if nothing happens before. */
export function dueAt(draft: Draft, rules: StreamRules): number {
  return Math.min(
    draft.leaseUntil,
    draft.appendedAt + rules.idle,
    draft.startedAt + rules.max,
    draft.cancel?.until ?? Number.POSITIVE_INFINITY,
  );
}

function onAppend(draft: Draft, appends: readonly AppendSize[], now: number, rules: StreamRules): DraftStep {
  let { n, bytes } = draft;
  let skip = 0;
  for (const append of appends) {
    if (append.n <= n && n === draft.n) {
      skip++;
      continue;
    }
    if (append.n !== n + 1) return { draft, outcome: { type: "gap", n: draft.n } };
    n = append.n;
    bytes += append.bytes;
  }
  if (bytes > rules.maxBytes) return { draft, outcome: { type: "too_large" } };
  return {
    draft: { ...draft, n, bytes, appendedAt: now, leaseUntil: now + rules.lease },
    outcome: { type: "stored", n, skip },
  };
}

function ended(state: StreamState, erasedBy?: string): DraftStep {
  return {
    draft: undefined,
    outcome: { type: "ended", state, ...(erasedBy !== undefined && { erasedBy }) },
  };
}

/** The bytes of a text as JSON, without its quotes. */
export function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2;
}
