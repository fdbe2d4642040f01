// What a run comes to, in the words that its reports use.
import type { Difference } from "../compare/compare-frames.ts";
import type { Payload } from "../format/recording.ts";
import type { Action } from "./plan.ts";

/** What became of an expectation, with the milliseconds it took. Of the rest the run was over before. */
export type ExpectationOutcome =
  | { readonly kind: "passed"; readonly tookMs: number }
  | { readonly kind: "different"; readonly tookMs: number; readonly differences: readonly Difference[] }
  | {
      readonly kind: "missing";
      readonly tookMs: number;
      readonly why: string;
      /** What another frame, which nothing expected, has different from it. */
      readonly hint?: readonly Difference[];
    };

/** A frame, or a close, that nothing expected. */
export interface Unexpected {
  readonly client: string;
  readonly what: Payload | { readonly close: number; readonly reason: string };
}

/** Why a run ended before its end: something that could not be done. */
export interface Abort {
  readonly action: Action;
  readonly why: string;
}

/** The outcome of an expectation that something came for, after so many milliseconds. */
export function outcomeOf(differences: readonly Difference[], took: number): ExpectationOutcome {
  return differences.length === 0
    ? { kind: "passed", tookMs: took }
    : { kind: "different", tookMs: took, differences };
}
