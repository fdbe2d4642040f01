import type { HistoryRequest, HistoryResult, PostRequest, PostResult } from "../../core/engine.ts";

export interface MarkRequest {
  readonly conversation: string;
  readonly user: string;
  readonly seq: number;
}

export interface MarkResult {
  readonly outcome: "moved" | "stayed" | "unavailable";
}

/** What arrives in a turn of the event loop and goes to Redis together. */
export type Work =
  | { readonly kind: "post"; readonly request: PostRequest; readonly done: (result: PostResult) => void }
  | {
      readonly kind: "history";
      readonly request: HistoryRequest;
      readonly done: (result: HistoryResult) => void;
    }
  | { readonly kind: "mark"; readonly request: MarkRequest; readonly done: (result: MarkResult) => void };

export type WorkOf<K extends Work["kind"]> = Extract<Work, { kind: K }>;

export type Result = PostResult | HistoryResult | MarkResult;

export const UNAVAILABLE = { outcome: "unavailable" } as const;

/** What came of a turn. */
export interface TurnResult {
  /** As many as there was work, in its order. */
  readonly results: readonly Result[];
  /** The epochs of conversations that are not those that were known, or were not known yet. */
  readonly epochs: ReadonlyMap<string, string>;
}

/** What a node knows of a conversation before it asks Redis. */
export interface Known {
  /** The newest `seq` that it told or acknowledged under `epoch`; a store that is behind it has lost messages. */
  readonly seq: number;
  /** The time of that message; 0 where it is not known. By it a store shows that it has the same one. */
  readonly at: number;
  /** Empty where nothing is known. */
  readonly epoch: string;
  /** Its own subscriptions to the conversation's channel, which need not be told what the answer tells. */
  readonly subscriptions: 0 | 1;
}

/** Carries out the work of one turn. MUST NOT throw: what cannot be carried out is `unavailable`. */
export interface Turns {
  carryOut(work: readonly Work[]): Promise<TurnResult>;
}
