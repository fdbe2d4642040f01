import type { Operation, OperationResult } from "../../operation.ts";

export const UNAVAILABLE = { outcome: "unavailable" } as const;

/** The result of a batch. */
export interface BatchResult {
  /** One for each operation, in their order. */
  readonly results: readonly OperationResult[];
  /** The epochs of conversations that are not those that were known, or were not known yet. */
  readonly epochs: ReadonlyMap<string, string>;
}

/** What a node knows of a conversation before it asks Redis. */
export interface KnownHead {
  /** The newest `seq` that it delivered or acknowledged under `epoch`; a store that is behind it has lost messages. */
  readonly seq: number;
  /** The time of that message; 0 where it is not known. By it a store shows that it has the same one. */
  readonly at: number;
  /** Empty where nothing is known. */
  readonly epoch: string;
  /** Its own subscriptions to the conversation's channel; they need no announcement of what the reply contains. */
  readonly subscriptions: 0 | 1;
}

/** Carries out one batch of operations. MUST NOT throw: what cannot be carried out is `unavailable`. */
export interface BatchExecutor {
  execute(work: readonly Operation[]): Promise<BatchResult>;
}
