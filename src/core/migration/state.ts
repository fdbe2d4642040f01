// The course of a migration from the embedded store to Redis (docs/decisions/0050-migrate.md). Pure.
//
//   messages ─▶ conversations ─▶ users ─▶ rest ─▶ check ─▶ finish ─▶ none
//
// The target has the state for as long as it is not whole, and no node starts on it meanwhile. Each phase goes on after a place that
// its reader understands, and can be repeated from there.

import type { RetentionLimits } from "../conversation/retention.ts";

export const MIGRATION_PHASES = ["messages", "conversations", "users", "rest", "check", "finish"] as const;

export type MigrationPhase = (typeof MIGRATION_PHASES)[number];

/** What the target stores of a migration that has not ended. */
export interface MigrationState {
  /** The layout of this record. */
  readonly version: 1;
  /** What names the source, and what changes when something is written to it. */
  readonly source: string;
  readonly fingerprint: string;
  /** The epoch that the target gets; the source begins another one at the end. */
  readonly epoch: string;
  /** What the target keeps, and the moment by which the age of messages is measured, in milliseconds since 1970. */
  readonly retention: RetentionLimits;
  readonly startedAt: number;
  readonly phase: MigrationPhase;
  /** Where the phase goes on; '' at its beginning. */
  readonly after: string;
}

/** Why a migration does not end: what was written by a command while it ran is missing on the target. */
export const CHANGED_MEANWHILE =
  "The store was changed while it was moved, so the target stays unusable. Run the command again with --restart, and nothing else meanwhile.";

/** The store from which a migration reads. */
export interface SourceIdentity {
  readonly id: string;
  readonly fingerprint: string;
  readonly epoch: string;
}

/** What keeps a target from being empty. */
export interface Occupant {
  /** One thing of it, in words. */
  readonly what: string;
  /** Whether it is a store of Parley that is whole: a migration may have made it. */
  readonly isStore: boolean;
}

/** What a migration does with a target. */
export type StartDecision =
  | { readonly type: "begin" }
  | { readonly type: "resume"; readonly state: MigrationState }
  | { readonly type: "refuse"; readonly why: string };

const AGAIN = "Add --restart to remove what was copied and to begin again.";

/**
 * Decides whether a migration may begin. `state`: of an unfinished migration on the target; `occupied`: what else is there.
 * `restart`: what an unfinished migration has copied may be removed.
 */
export function decideStart(
  source: SourceIdentity,
  found: { readonly state: MigrationState | undefined; readonly occupied: Occupant | undefined },
  restart: boolean,
): StartDecision {
  const { state, occupied } = found;
  if (state === undefined) {
    if (occupied === undefined) return { type: "begin" };
    return { type: "refuse", why: explainOccupied(occupied) };
  }
  if (restart) return { type: "begin" };
  if (state.version !== 1)
    return {
      type: "refuse",
      why: `The target has an unfinished migration by another version of Parley. ${AGAIN}`,
    };
  if (state.source !== source.id)
    return {
      type: "refuse",
      why: `The target has an unfinished migration of another store. Finish it from the folder from which it was begun. ${AGAIN}`,
    };
  // In the last phase the migration itself writes to the source, and begins another epoch with that.
  const hasLeft = state.phase === "finish" && state.epoch !== source.epoch;
  if (state.fingerprint !== source.fingerprint && !hasLeft)
    return {
      type: "refuse",
      why: `The target has an unfinished migration of this store, but the store was changed since: a server or a command has written to it, or it was copied. ${AGAIN}`,
    };
  return { type: "resume", state };
}

/** Returns why a target cannot be used. An operator may run the command twice, so the text must not advise to remove the store that the first run made. */
export function explainOccupied({ what, isStore }: Occupant): string {
  const other = "name another Redis, another database or another REDIS_PREFIX";
  return isStore
    ? `The target already has a Parley store. If your move has ended, start the servers on it, and do not remove it. If it is another store, ${other}: stores are never mixed.`
    : `The target is not empty: it has ${what}. A store is never mixed with anything else: ${other}, or remove what is there.`;
}

/** Returns the state after a phase is done. */
export function nextPhase(state: MigrationState): MigrationState {
  const next = MIGRATION_PHASES[MIGRATION_PHASES.indexOf(state.phase) + 1];
  return next === undefined ? state : { ...state, phase: next, after: "" };
}
