import type { OperationResult } from "../../operation.ts";
import type { EndOutcome, RedisOperation, StartOutcome } from "../streams/operations.ts";

export const UNAVAILABLE = { outcome: "unavailable" } as const;

/** The result of an operation of a batch. */
export type RedisResult = OperationResult | StartOutcome | EndOutcome;

/** The result of a batch. */
export interface BatchResult {
  /** The results of the operations, in their order. */
  readonly results: readonly RedisResult[];
  /** The epochs of conversations for which the node knew another epoch, or none. */
  readonly epochs: ReadonlyMap<string, string>;
}

/** The state of a conversation as a node knows it before a batch. */
export interface KnownHead {
  /** The newest `seq` that the node has delivered or acknowledged under `epoch`. A store that is behind it has lost messages. */
  readonly seq: number;
  /** The time of that message; 0 if it is not known. It shows whether the store has the same message. */
  readonly at: number;
  /** Empty if the node does not know the conversation. */
  readonly epoch: string;
  /** The node's subscriptions to the conversation's channel. They need no announcement, because the reply has the messages. */
  readonly subscriptions: 0 | 1;
}

/** Carries out one batch of operations. MUST NOT throw: the result of an operation that fails is `unavailable`. */
export interface BatchExecutor {
  execute(work: readonly RedisOperation[]): Promise<BatchResult>;
}
