import { MAX_HISTORY_BYTES } from "../../../core/conversation/history.ts";
import type { Rev } from "../changes/encoding.ts";
import { bucketOf } from "../connection/buckets.ts";
import { newEpoch } from "../connection/epoch.ts";
import { retryAfterRepair } from "../connection/retry-after-repair.ts";
import { Script } from "../connection/script.ts";
import { JOIN_OUTCOMES, type JoiningRequest, JoinLists } from "../members/join-lists.ts";
import { UserLists } from "../members/user-lists.ts";
import type { RedisOperation } from "../streams/operations.ts";
import { BatchPlaces, StreamPlaces } from "../streams/places.ts";
import {
  type BatchExecutor,
  type BatchResult,
  decodeNews,
  decodeResults,
  knownEpoch,
  placesOf,
} from "./batch.ts";
import {
  type AppendReply,
  type BucketGroup,
  type CallReply,
  type Charge,
  type ChargedOperation,
  countsOf,
  decodeResult,
  encodeOperation,
  groupByBucket,
  indexesOf,
  isCharged,
  isNamed,
  type Member,
  newToken,
  REPLY_LENGTHS,
  reservationKey,
} from "./cluster-operations.ts";
import { type BatchDeps, batchFlags } from "./standalone-batch.ts";

export interface ClusterBatchDeps extends BatchDeps {
  /** The epoch of the store, whose key is in another slot than the conversations. */
  readonly storeEpoch: () => string;
}

/** The reply of append.lua. */
type AppendCallReply = readonly [
  epochs: readonly string[],
  results: CallReply,
  /** Of each message that could have made its sender a member (JOIN_OUTCOMES). */
  joined?: readonly number[],
];

/** What was done before the operations are carried out in their conversations. */
interface Reserved {
  readonly charges: readonly (Charge | undefined | null)[];
  /** The epochs of conversations for which the node knew another epoch are added to it. */
  readonly epochs: Map<string, string>;
  /** As well as the newest changes of conversations that have any. */
  readonly revs: Map<string, Rev>;
  readonly joins: JoinLists | undefined;
  readonly places: BatchPlaces | undefined;
}

/**
 * In Redis Cluster, the charges of a user and a conversation are in different slots, and a script can use only one slot. So a
 * batch has three steps: the charge is reserved under the message's name, the message is appended, and the reservation is settled.
 * Each step makes one call for each bucket of users or conversations, all at the same time. After a crash between two steps
 * nothing is charged or stored twice, because the next try finds what the earlier one has done.
 */
export class ClusterBatch implements BatchExecutor {
  private readonly reserveScript = new Script("messages/reserve");
  private readonly appendScript = new Script("messages/append");
  private readonly settleScript = new Script("messages/settle");

  private readonly lists: UserLists;
  private readonly places: StreamPlaces;

  constructor(private readonly deps: ClusterBatchDeps) {
    const { client, replicaTimeoutMs, streamRules: rules, time } = deps;
    this.places = new StreamPlaces({ client, rules, time });
    this.lists = new UserLists({ client, replicaTimeoutMs, now: () => this.now });
  }

  async execute(operations: readonly RedisOperation[]): Promise<BatchResult> {
    const joins = this.beginJoins(operations);
    const places = this.takePlaces(operations);
    const charges = await this.reserve(operations);
    const epochs = new Map<string, string>();
    const revs = new Map<string, Rev>();
    const replies = await this.append(operations, { charges, epochs, revs, joins, places });
    await Promise.all([this.settle(operations, charges, replies), joins?.settle()]);
    const results = decodeResults(operations, this.deps.emit, (each, i) =>
      decodeResult(each, charges[i], replies[i]),
    );
    // The starts do not wait for this: a place that was taken and not given back is free again by itself.
    places?.settle((request) => {
      const reply = replies[operations.findIndex((each) => each.request === request)];
      return reply && reply[0] === 1;
    });
    if (revs.size === 0) return { results, epochs };
    return { results, epochs, places: placesOf(operations, revs)! };
  }

  /** Begins to take places for the streams that are started; returns undefined if there are none. */
  private takePlaces(operations: readonly RedisOperation[]): BatchPlaces | undefined {
    let places: BatchPlaces | undefined;
    for (const { kind, request } of operations) {
      if (kind !== "start") continue;
      places ??= new BatchPlaces(this.places);
      places.prepare(request);
    }
    return places;
  }

  /** Begins to write the lists of users who may become members; returns undefined if there are none. */
  private beginJoins(operations: readonly RedisOperation[]): JoinLists | undefined {
    const { members } = this.deps;
    let joins: JoinLists | undefined;
    for (const operation of operations) {
      if (!isNamed(operation) || operation.request.joins === undefined) continue;
      const { request } = operation;
      if (members.has(request.conversation, request.user)) continue;
      joins ??= new JoinLists(this.lists);
      joins.prepare(request);
    }
    return joins;
  }

  /**
   * Charges the users of metered requests. A result is undefined if the request is not metered, and null if it could not be
   * charged.
   */
  private async reserve(operations: readonly RedisOperation[]): Promise<(Charge | undefined | null)[]> {
    const charges: (Charge | undefined | null)[] = operations.map(() => undefined);
    const groups = groupByBucket(operations, (each) =>
      isCharged(each) && each.request.limit > 0 ? each.request.user : undefined,
    );
    const calls = groups.map((members) => {
      const indexes = indexesOf(members);
      for (const i of indexes) charges[i] = null;
      return this.attempt(() => this.reserveFor(members, indexes, operations, charges));
    });
    await Promise.all(calls);
    return charges;
  }

  /** Charges users of one bucket. */
  private async reserveFor(
    members: BucketGroup,
    indexes: readonly number[],
    operations: readonly RedisOperation[],
    charges: (Charge | undefined | null)[],
  ): Promise<void> {
    const values = indexes.flatMap((i) => {
      const each = operations[i] as ChargedOperation;
      return [each.request.limit, isNamed(each) ? reservationKey(each) : "", newToken()];
    });
    const reply = await this.call(this.reserveScript, this.keysOfUsers(members), [
      this.now,
      ...countsOf(members),
      ...values,
    ]);
    for (const [n, i] of indexes.entries()) {
      const [outcome, time, used, reset, token] = (reply as CallReply).slice(n * 5, n * 5 + 5);
      charges[i] = {
        outcome: Number(outcome),
        time: Number(time),
        token: String(token),
        used: Number(used),
        reset: Number(reset),
      };
    }
  }

  /** Carries out the charged requests in each conversation, and looks up whether the others are repeats. */
  private async append(
    operations: readonly RedisOperation[],
    { charges, epochs, revs, joins, places }: Reserved,
  ): Promise<AppendReply[]> {
    const { members: known, streamRules: rules } = this.deps;
    const mayJoin = (await joins?.ready()) ?? (() => false);
    const placeOf = (await places?.ready()) ?? (() => undefined);
    const { version } = known;
    const replies: AppendReply[] = operations.map(() => undefined);
    const groups = groupByBucket(operations, (each, i) =>
      charges[i] === null ||
      (each.kind === "history" && charges[i]?.outcome === 0) ||
      (each.kind === "start" && placeOf(each.request) === undefined)
        ? undefined
        : each.request.conversation,
    );
    const append = async (members: BucketGroup) => {
      const indexes = indexesOf(members);
      const joining: JoiningRequest[] = [];
      const values = indexes.flatMap((i) => {
        const operation = operations[i]!;
        const charge = charges[i];
        // Two requests of one user can differ: only that of a connection which knows no membership of the user has `joins`.
        const isJoining = isNamed(operation) && charge?.outcome !== 0 && mayJoin(operation.request);
        const maxMembers = isJoining ? operation.request.joins?.members : undefined;
        if (isJoining && maxMembers !== undefined) joining.push(operation.request);
        const hasPlace = operation.kind === "start" && placeOf(operation.request) === true;
        return encodeOperation(operation, { charge, maxMembers, hasPlace, rules });
      });
      const [changed, fields, joined] = await this.appendTo(members, values);
      const news = decodeNews(
        members.map(({ name }) => name),
        changed,
      );
      for (const [name, epoch] of news.epochs) {
        epochs.set(name, epoch);
        known.drop(name);
      }
      for (const [name, rev] of news.revs ?? []) revs.set(name, rev);
      for (const [n, request] of joining.entries()) {
        const outcome = JOIN_OUTCOMES[joined![n]!]!;
        joins!.onReply(request, outcome);
        known.onJoin(request, outcome, version);
      }
      let at = 0;
      for (const i of indexes) {
        const length = REPLY_LENGTHS[operations[i]!.kind];
        replies[i] = fields.slice(at, at + length);
        at += length;
      }
    };
    await Promise.all(groups.map((members) => this.attempt(() => append(members))));
    return replies;
  }

  /**
   * Keeps the charges of stored messages, and refunds the others. A charge stays reserved if its message's result is unknown. If a
   * repeat cannot be refunded now, its result is removed from `replies`: its sender tries again, and that try finds the charge.
   */
  private async settle(
    operations: readonly RedisOperation[],
    charges: readonly (Charge | undefined | null)[],
    replies: AppendReply[],
  ): Promise<void> {
    const groups = groupByBucket(operations, (each, i) => {
      const charge = charges[i];
      if (!charge || charge.outcome === 0 || !isCharged(each)) return undefined;
      return isNamed(each) === (replies[i] !== undefined) ? each.request.user : undefined;
    });
    const calls = groups.map(async (members) => {
      const indexes = indexesOf(members);
      // A charge for a new message is never refunded, so its quota does not change.
      const isNew = (i: number) => isNamed(operations[i]!) && replies[i]![0] === 1;
      const userOf = (i: number) => (operations[i] as ChargedOperation).request.user;
      const changed = new Set(indexes.filter((i) => !isNew(i)).map(userOf));
      const settled = this.attempt(async () => {
        const values = indexes.flatMap((i): (string | number)[] => {
          const each = operations[i] as ChargedOperation;
          if (!isNamed(each)) return ["c", charges[i]!.time, ""];
          return ["s", reservationKey(each), replies[i]![3]!];
        });
        const reply = (await this.call(this.settleScript, this.keysOfUsers(members), [
          this.now,
          ...countsOf(members),
          ...values,
        ])) as CallReply;
        for (const [n, i] of indexes.entries()) {
          if (!changed.has(userOf(i))) continue;
          const charge = charges[i]!;
          charge.used = Number(reply[n * 2]);
          charge.reset = Number(reply[n * 2 + 1]);
        }
      });
      // Where no quota changes, the reply does not wait for this.
      if (changed.size === 0 || (await settled)) return;
      for (const i of indexes) if (isNamed(operations[i]!) && !isNew(i)) replies[i] = undefined;
    });
    await Promise.all(calls);
  }

  /** Carries out operations in conversations of one bucket. */
  private async appendTo(
    conversations: readonly Member[],
    operations: readonly (string | number)[],
  ): Promise<AppendCallReply> {
    const { client, retention, replicaTimeoutMs, known, storeEpoch } = this.deps;
    const keys: string[] = [];
    const values: (string | number)[] = [
      this.now,
      newEpoch(),
      retention.messages,
      retention.days,
      batchFlags(this.deps),
      MAX_HISTORY_BYTES,
      storeEpoch(),
    ];
    for (const { name: conversation, indexes } of conversations) {
      const name = client.keys.conversationName(conversation);
      keys.push(`${name}:meta`, `${name}:log`, `${name}:ids`, `${name}:marks`, name);
      const head = known(conversation);
      const subscriptions = client.isSharded ? head.subscriptions : "";
      values.push(indexes.length, head.seq, head.at, knownEpoch(head), subscriptions);
    }
    const bucket = bucketOf(conversations[0]!.name);
    keys.push(client.keys.bucketKey(bucket, "feed"), client.keys.bucketKey(bucket, "watched"));
    for (const operation of operations) values.push(operation);
    const reply = await this.call(this.appendScript, keys, values, replicaTimeoutMs);
    return reply as AppendCallReply;
  }

  /**
   * Does the part of a batch that is one call. Returns whether it was done. If not, it is reported, and its operations have no result:
   * their senders try again, and find what was done. Other parts go on.
   */
  private async attempt(part: () => Promise<void>): Promise<boolean> {
    try {
      await part();
      return true;
    } catch (error) {
      this.deps.emit("store.write_failed", { error: String(error) });
      return false;
    }
  }

  private call(
    script: Script,
    keys: readonly string[],
    values: readonly (string | number)[],
    replicaTimeoutMs?: number,
  ): Promise<unknown> {
    return retryAfterRepair(() => this.deps.client.runDurably(script, keys, values, replicaTimeoutMs));
  }

  private keysOfUsers(users: readonly Member[]): string[] {
    const { keys } = this.deps.client;
    return users.flatMap(({ name: user }) => [keys.userKey(user, "quota"), keys.userKey(user, "reserved")]);
  }

  private get now(): "" | number {
    return this.deps.time === undefined ? "" : this.deps.time.now();
  }
}
