import { type FoldPlan, MAX_FOLD_BYTES } from "../../../core/changes/fold.ts";
import type { OwnReactions } from "../../../core/changes/message-state.ts";
import type { Emit } from "../../../core/events/events.ts";
import type {
  ChangeListener,
  ChangeRequest,
  ChangeResult,
  Changes,
  MissedChanges,
} from "../../../core/ports/conversation/changes.ts";
import {
  type ChangeOperation,
  type ChangeOutcome,
  changeOperation,
  trialOperation,
} from "../../change-operation.ts";
import { PageQueue } from "../../page-queue.ts";
import type { RedisQuotas } from "../accounts/quotas.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { UNAVAILABLE } from "../messages/batch.ts";
import { considerWith } from "../messages/considering.ts";
import { decodeOwnLines } from "../messages/message-encoding.ts";
import { readMissed } from "./missed.ts";

const OWN = new Script("changes/own");

export interface RedisChangesDeps {
  readonly client: RedisClient;
  readonly emit: Emit;
  readonly enqueue: (operation: ChangeOperation) => void;
  /** The newest change of a conversation, after this node has delivered it. Rejects if it cannot be read. */
  readonly rev: (conversation: string) => Promise<number>;
  readonly watch: (listener: ChangeListener) => () => void;
  /** As `RedisQuotas.look`. */
  readonly readQuota: RedisQuotas["look"];
  /** As `Feeds.deliverUpTo`. */
  readonly deliverUpTo: (conversation: string, seq: number, rev: number) => Promise<boolean>;
  /** Resolves when the operations in progress are carried out. */
  readonly waitForWrites: () => Promise<unknown>;
}

interface FoldRequest {
  readonly conversation: string;
  readonly plan: FoldPlan;
  readonly user: string;
}

/** The port for changes on Redis. Changes are carried out in the batches of the engine; the scripts are in lua/changes/. */
export class RedisChanges implements Changes {
  readonly watch: Changes["watch"];
  readonly rev: Changes["rev"];
  // As pages of messages, but each may be a hundred of them.
  private readonly folds: PageQueue<FoldRequest, MissedChanges>;

  constructor(private readonly deps: RedisChangesDeps) {
    this.watch = deps.watch;
    this.rev = deps.rev;
    this.folds = new PageQueue({
      read: (request) => this.readMissed(request),
      nameOf: ({ conversation, user, plan: { after, first, last, count } }) =>
        `${after} ${first} ${last} ${count} ${conversation} ${user}`,
      waitForWrites: deps.waitForWrites,
      maxInARow: 1,
    });
  }

  change(request: ChangeRequest, done: (result: ChangeResult) => void): void {
    this.deps.enqueue(changeOperation(request, done));
  }

  consider(request: ChangeRequest, done: (result: ChangeOutcome) => void): void {
    considerWith(
      (found: (result: ChangeOutcome) => void) => this.deps.enqueue(trialOperation(request, found)),
      () => this.deps.readQuota(request.user, request.limit),
    ).then(done, () => done(UNAVAILABLE));
  }

  missed(conversation: string, plan: FoldPlan, user = ""): Promise<MissedChanges | undefined> {
    return this.folds.add({ conversation, plan, user });
  }

  async mine(conversation: string, user: string, seqs: readonly number[]): Promise<OwnReactions> {
    if (seqs.length === 0) return new Map();
    const { client } = this.deps;
    const name = client.keys.conversationName(conversation);
    const names = [`${name}:meta`, `${name}:log`, `${name}:changes`];
    const lines = await client.run(OWN, names, [user, ...seqs]);
    return decodeOwnLines(lines as string[]);
  }

  close(): void {
    this.folds.refuseAll();
  }

  private async readMissed({ conversation, plan, user }: FoldRequest): Promise<MissedChanges | undefined> {
    const { client, emit, deliverUpTo } = this.deps;
    try {
      const missed = await readMissed(client, conversation, plan, MAX_FOLD_BYTES, user);
      const { changed, more, seq, rev } = missed;
      // A client that has a fold takes all changes before it for known, also those of messages that this node sends it from its memory.
      if (!(await deliverUpTo(conversation, seq, rev.rev))) return undefined;
      return more ? { changed: [], tooMany: true } : { changed, tooMany: false };
    } catch (error) {
      if (client.ready) emit("store.read_failed", { error: String(error) });
      return undefined;
    }
  }
}
