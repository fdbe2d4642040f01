import type { Emit } from "../../../core/events/events.ts";
import type { ChangeOperation, ChangeOutcome } from "../../change-operation.ts";
import type { OperationResult } from "../../operation.ts";
import { decodeRev, type MadeChange, type Rev } from "../changes/encoding.ts";
import type { EventWriting } from "../feed/event-streams.ts";
import type { EndOutcome, RedisOperation, StartOutcome } from "../streams/operations.ts";

export const UNAVAILABLE = { outcome: "unavailable" } as const;

/** The result of an operation of a batch. */
export type RedisResult = OperationResult | StartOutcome | EndOutcome | ChangeOutcome;

/** The operations that an engine carries out together: those of batches, and changes. */
export type AnyOperation = RedisOperation | ChangeOperation;

/** The place of a result among the changes of its conversation. */
export interface ChangePlace {
  /** The newest change of the conversation when it was carried out. */
  readonly rev: Rev;
  /** The change that it has stored, and the newest message then. */
  readonly made?: MadeChange;
  readonly after?: number;
}

/** The result of a batch. */
export interface BatchResult {
  /** The results of the operations, in their order. */
  readonly results: readonly RedisResult[];
  /** The epochs of conversations for which the node knew another epoch, or none. */
  readonly epochs: ReadonlyMap<string, string>;
  /** By the indexes of the operations, in conversations with changes. */
  readonly places?: ReadonlyMap<number, ChangePlace>;
}

/** The state of a conversation as a node knows it before a batch. */
export interface KnownHead {
  /** The newest `seq` that the node has delivered or acknowledged under `epoch`. A store that is behind it has lost messages. */
  readonly seq: number;
  /** The time of that message; 0 if it is not known. It shows whether the store has the same message. */
  readonly at: number;
  /** Empty if the node does not know the conversation. */
  readonly epoch: string;
  /** The newest change that the node has delivered or acknowledged under `epoch`, and its time. */
  readonly rev: Rev;
  /** The node's subscriptions to the conversation's channel. They need no announcement, because the reply has the messages. */
  readonly subscriptions: 0 | 1;
}

/** Returns the epoch that a node knows as scripts take it (`conversation_open` of lua/messages/conversation.lua). */
export function knownEpoch({ epoch, rev }: Pick<KnownHead, "epoch" | "rev">): string {
  return rev.rev === 0 || epoch === "" ? epoch : `${epoch} ${rev.rev} ${rev.at}`;
}

/**
 * Reads what scripts reply about each of `conversations`: another epoch than the known one, or '', and " rev time" where there are
 * changes. Returns the other epochs, and the newest changes; undefined if there are none.
 */
export function decodeNews(
  conversations: readonly string[],
  news: readonly string[],
): { readonly epochs: Map<string, string>; readonly revs: Map<string, Rev> | undefined } {
  const epochs = new Map<string, string>();
  let revs: Map<string, Rev> | undefined;
  for (const [i, text] of news.entries()) {
    if (text === "") continue;
    const end = text.indexOf(" ");
    const epoch = end === -1 ? text : text.slice(0, end);
    if (epoch !== "") epochs.set(conversations[i]!, epoch);
    if (end === -1) continue;
    revs ??= new Map();
    revs.set(conversations[i]!, decodeRev(text.slice(end + 1)));
  }
  return { epochs, revs };
}

/** Returns the places of results; undefined where no conversation has changes. */
export function placesOf(
  operations: readonly RedisOperation[],
  revs: ReadonlyMap<string, Rev> | undefined,
): ReadonlyMap<number, ChangePlace> | undefined {
  if (revs === undefined) return undefined;
  const places = new Map<number, ChangePlace>();
  for (const [i, { request }] of operations.entries()) {
    const rev = revs.get(request.conversation);
    if (rev !== undefined) places.set(i, { rev });
  }
  return places;
}

/** Reads the results of operations. One that cannot be read, such as an entry of a newer Parley, is `unavailable`, and no other. */
export function decodeResults(
  operations: readonly RedisOperation[],
  emit: Emit,
  decode: (operation: RedisOperation, index: number) => RedisResult,
): RedisResult[] {
  return operations.map((operation, i) => {
    try {
      return decode(operation, i);
    } catch (error) {
      emit("store.read_failed", { error: String(error) });
      return UNAVAILABLE;
    }
  });
}

/** Returns the result of a batch that was not carried out, or of which it is unknown whether it was. */
export function unavailableBatch(operations: readonly AnyOperation[]): BatchResult {
  return { results: operations.map(() => UNAVAILABLE), epochs: new Map() };
}

/** Carries out one batch of operations. MUST NOT throw: the result of an operation that fails is `unavailable`. */
export interface BatchExecutor {
  execute(work: readonly RedisOperation[]): Promise<BatchResult>;
}

/** Notes the users of a batch who have no request left. */
export function noteRefusals(
  events: EventWriting,
  operations: readonly AnyOperation[],
  { results }: BatchResult,
): void {
  for (const [i, { outcome }] of results.entries()) {
    if (outcome !== "rate_limited") continue;
    const { request } = operations[i]!;
    if ("user" in request && "limit" in request) events.noteRefused(request.user, request.limit);
  }
}

/** Calls `observe` with the seconds that each batch takes. */
export function observedBatches(
  batches: BatchExecutor,
  observe: ((seconds: number) => void) | undefined,
): BatchExecutor {
  if (observe === undefined) return batches;
  return {
    async execute(operations) {
      const began = performance.now();
      try {
        return await batches.execute(operations);
      } finally {
        observe((performance.now() - began) / 1000);
      }
    },
  };
}
