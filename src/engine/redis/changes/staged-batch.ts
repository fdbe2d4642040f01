import {
  type AnyOperation,
  type BatchExecutor,
  type BatchResult,
  type ChangePlace,
  type RedisResult,
  UNAVAILABLE,
} from "../messages/batch.ts";
import type { RedisOperation } from "../streams/operations.ts";
import type { ChangeCalls } from "./change-calls.ts";
import { decodeRev, type Rev } from "./encoding.ts";

/**
 * Carries out a batch with changes in stages: stages of messages and stages of changes by turns. Each operation is in the first stage
 * that comes after those of its conversation and of its user before it, so mostly there are two or three stages.
 */
export class StagedBatch {
  constructor(
    private readonly batches: BatchExecutor,
    private readonly changes: Pick<ChangeCalls, "execute">,
  ) {}

  async execute(operations: readonly AnyOperation[]): Promise<BatchResult> {
    const results: RedisResult[] = operations.map(() => UNAVAILABLE);
    const epochs = new Map<string, string>();
    const places = new Map<number, ChangePlace>();
    const stages = stagesOf(operations);
    for (let stage = 0; stage < stages.length; stage++) {
      const indexes = stages[stage];
      if (indexes === undefined) continue;
      const part: BatchResult =
        stage % 2 === 0
          ? await this.batches.execute(indexes.map((i) => operations[i] as RedisOperation))
          : await this.change(indexes.map((i) => operations[i] as ChangeOperationOf));
      for (const [n, i] of indexes.entries()) {
        results[i] = part.results[n]!;
        const place = part.places?.get(n);
        if (place !== undefined) places.set(i, place);
      }
      for (const [conversation, epoch] of part.epochs) epochs.set(conversation, epoch);
    }
    return { results, epochs, places };
  }

  private async change(operations: readonly ChangeOperationOf[]): Promise<BatchResult> {
    const results: RedisResult[] = operations.map(() => UNAVAILABLE);
    const epochs = new Map<string, string>();
    const places = new Map<number, ChangePlace>();
    const groups = Map.groupBy(operations.keys(), (i) => operations[i]!.request.conversation);
    const rounds = [...groups].map(async ([conversation, indexes]) => {
      const requests = indexes.map((i) => operations[i]!.request);
      const { outcomes, news, after } = await this.changes.execute(conversation, requests);
      const [epoch, ...newest] = news.split(" ");
      if (epoch !== "") epochs.set(conversation, epoch!);
      let rev: Rev = decodeRev(newest.join(" "));
      for (const [n, { result, made }] of outcomes.entries()) {
        const i = indexes[n]!;
        results[i] = result;
        if (made !== undefined) rev = { rev: made.change.rev, at: made.change.at };
        places.set(i, made === undefined ? { rev } : { rev, made, after });
      }
    });
    await Promise.all(rounds);
    return { results, epochs, places };
  }
}

type ChangeOperationOf = Extract<AnyOperation, { kind: "change" }>;

/** Returns the indexes of the operations of each stage; changes are in the odd ones. */
function stagesOf(operations: readonly AnyOperation[]): number[][] {
  const stages: number[][] = [];
  const ofConversations = new Map<string, number>();
  const ofUsers = new Map<string, number>();
  for (const [i, { kind, request }] of operations.entries()) {
    const user = "user" in request ? request.user : "";
    const parity = kind === "change" ? 1 : 0;
    const last = Math.max(ofConversations.get(request.conversation) ?? 0, ofUsers.get(user) ?? 0);
    const stage = last % 2 === parity ? last : last + 1;
    ofConversations.set(request.conversation, stage);
    if (user !== "") ofUsers.set(user, stage);
    stages[stage] ??= [];
    stages[stage].push(i);
  }
  return stages;
}
