// The results of a run, in the terms of its reports.
import type { Difference } from "../compare/compare-frames.ts";
import type { Payload } from "../format/recording.ts";
import type { Action } from "./plan.ts";

/** The result of an expectation, with the milliseconds it took. Expectations after an aborted run have none. */
export type ExpectationOutcome =
  | { readonly kind: "passed"; readonly tookMs: number }
  | { readonly kind: "different"; readonly tookMs: number; readonly differences: readonly Difference[] }
  | {
      readonly kind: "missing";
      readonly tookMs: number;
      readonly why: string;
      /** How a similar unexpected frame differs from it. */
      readonly hint?: readonly Difference[];
    };

/** A frame, or a close, that was not expected. */
export interface Unexpected {
  readonly client: string;
  readonly what: Payload | { readonly close: number; readonly reason: string };
}

/** Why a run was aborted: an action that could not be carried out. */
export interface Abort {
  readonly action: Action;
  readonly why: string;
}

/** Returns the outcome of an expectation for which a frame or a close was received after `tookMs`. */
export function outcomeOf(differences: readonly Difference[], tookMs: number): ExpectationOutcome {
  return differences.length === 0 ? { kind: "passed", tookMs } : { kind: "different", tookMs, differences };
}
