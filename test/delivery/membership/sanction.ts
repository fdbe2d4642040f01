import type { RunRecord } from "../record.ts";

/** What the operator of a run does to a user in one conversation. */
export type Measure = "ban" | "removal" | "mute";

/**
 * One measure from the first request to its end. Times are in milliseconds since 1970; all programs of a run are on one machine and so
 * have one clock.
 */
export interface Sanction {
  readonly conversation: string;
  readonly user: string;
  readonly measure: Measure;
  /** When it was asked for. */
  readonly asked: number;
  /** When the server had answered that it is in force; undefined: never. */
  confirmed?: number;
  /** From when on it may not be in force any more: its end was asked for, or the store may have lost it. */
  endAsked?: number;
  /** When its end was confirmed. */
  ended?: number;
}

/** Milliseconds after the end of a measure in which an answer from before may still arrive: a stalled line, a busy machine. */
const LATE_ANSWER_MS = 15_000;

/** Whether a measure was in force at `at`, and had been confirmed at least `delay` milliseconds before. */
export function isInForce({ confirmed, endAsked }: Sanction, at: number, delay = 0): boolean {
  return confirmed !== undefined && confirmed + delay < at && at < (endAsked ?? Number.POSITIVE_INFINITY);
}

/** Whether a refusal that a client received at `at` can come from this measure. */
export function explains({ measure, asked, ended }: Sanction, code: string, at: number): boolean {
  const isOwn = code === "muted" ? measure === "mute" : measure !== "mute";
  return isOwn && asked <= at && at <= (ended ?? Number.POSITIVE_INFINITY) + LATE_ANSWER_MS;
}

/** Whether a measure keeps its user from reading. */
export function excludes({ measure }: Sanction): boolean {
  return measure !== "mute";
}

/** The measures of a user in a conversation. */
export function sanctionsOf(
  { sanctions }: Pick<RunRecord, "sanctions">,
  { conversation, user }: { readonly conversation: string; readonly user: string },
): readonly Sanction[] {
  return sanctions.filter((sanction) => sanction.conversation === conversation && sanction.user === user);
}
