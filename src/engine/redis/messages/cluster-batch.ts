import { randomBytes } from "node:crypto";
import { MAX_HISTORY_BYTES } from "../../../core/conversation/history.ts";
import type { PostRequest } from "../../../core/ports/message-log.ts";
import type { Operation, OperationOf, OperationResult } from "../../operation.ts";
import { bucketOf } from "../connection/buckets.ts";
import { newEpoch } from "../connection/epoch.ts";
import { retryAfterRepair } from "../connection/retry-after-repair.ts";
import { Script } from "../connection/script.ts";
import { decodeRefusal, speechFlags } from "../members/encoding.ts";
import { JOIN_OUTCOMES, JoinLists } from "../members/join-lists.ts";
import { UserLists } from "../members/user-lists.ts";
import { type BatchExecutor, type BatchResult, UNAVAILABLE } from "./batch.ts";
import { decodeList, dedupeKey, encodeRecord, quotaLeft, quotaView } from "./message-encoding.ts";
import type { BatchDeps } from "./standalone-batch.ts";

export interface ClusterBatchDeps extends BatchDeps {
  /** The epoch of the store, whose key is in another slot than the conversations. */
  readonly storeEpoch: () => string;
}

/** The result of the charge for a request: 1 charged now, 2 charged by an earlier try, 0 refused. */
interface Charge {
  readonly outcome: number;
  /** The time of the charge; if it was refused, the milliseconds to wait. */
  readonly time: number;
  readonly token: string;
  used: number;
  reset: number;
}

/** The result of an operation in a conversation; undefined if it could not be carried out. */
type AppendReply = CallReply | undefined;

/** The results of operations, one after the other, as a script returns them. */
type CallReply = readonly (string | number)[];

/** The reply of append.lua. */
type AppendCallReply = readonly [
  epochs: readonly string[],
  results: CallReply,
  /** Of each message that could have made its sender a member (JOIN_OUTCOMES). */
  joined?: readonly number[],
];

/** A user or conversation with the indexes of its operations in the batch. */
interface Member {
  readonly name: string;
  readonly indexes: number[];
}

/** The operations of one call: those of the users, or of the conversations, of one bucket. */
type BucketGroup = Member[];

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

  constructor(private readonly deps: ClusterBatchDeps) {
    const { client, replicaTimeoutMs } = deps;
    this.lists = new UserLists({ client, replicaTimeoutMs, now: () => this.now });
  }

  async execute(operations: readonly Operation[]): Promise<BatchResult> {
    const joins = this.beginJoins(operations);
    const charges = await this.reserve(operations);
    const epochs = new Map<string, string>();
    const replies = await this.append(operations, charges, epochs, joins);
    await Promise.all([this.settle(operations, charges, replies), joins?.settle()]);
    return { results: operations.map((each, i) => decodeResult(each, charges[i], replies[i])), epochs };
  }

  /** Begins to write the lists of users who may become members; returns undefined if there are none. */
  private beginJoins(operations: readonly Operation[]): JoinLists | undefined {
    const { members } = this.deps;
    let joins: JoinLists | undefined;
    for (const { kind, request } of operations) {
      if (kind !== "post" || request.joins === undefined) continue;
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
  private async reserve(operations: readonly Operation[]): Promise<(Charge | undefined | null)[]> {
    const charges: (Charge | undefined | null)[] = operations.map(() => undefined);
    const groups = groupByBucket(operations, (each) => (isMetered(each) ? each.request.user : undefined));
    const calls = groups.map(async (members) => {
      const indexes = indexesOf(members);
      const values = indexes.flatMap((i) => {
        const each = operations[i] as OperationOf<"post" | "history">;
        return [each.request.limit, each.kind === "post" ? reservationKey(each) : "", newToken()];
      });
      const reply = await this.call(this.reserveScript, this.keysOfUsers(members), [
        this.now,
        ...countsOf(members),
        ...values,
      ]);
      for (const [n, i] of indexes.entries()) {
        if (reply === undefined) {
          charges[i] = null;
          continue;
        }
        const [outcome, time, used, reset, token] = (reply as CallReply).slice(n * 5, n * 5 + 5);
        charges[i] = {
          outcome: Number(outcome),
          time: Number(time),
          token: String(token),
          used: Number(used),
          reset: Number(reset),
        };
      }
    });
    await Promise.all(calls);
    return charges;
  }

  /** Carries out the charged requests in each conversation, and looks up whether the others are repeats. */
  private async append(
    operations: readonly Operation[],
    charges: readonly (Charge | undefined | null)[],
    epochs: Map<string, string>,
    joins: JoinLists | undefined,
  ): Promise<AppendReply[]> {
    const { members: known } = this.deps;
    const mayJoin = (await joins?.ready()) ?? (() => false);
    const { version } = known;
    const replies: AppendReply[] = operations.map(() => undefined);
    const groups = groupByBucket(operations, (each, i) =>
      charges[i] === null || (each.kind === "history" && charges[i]?.outcome === 0)
        ? undefined
        : each.request.conversation,
    );
    const calls = groups.map(async (members) => {
      const indexes = indexesOf(members);
      const joining: PostRequest[] = [];
      const values = indexes.flatMap((i) => {
        const operation = operations[i]!;
        const isJoining =
          operation.kind === "post" && charges[i]?.outcome !== 0 && mayJoin(operation.request);
        if (isJoining) joining.push(operation.request);
        return encodeOperation(operation, charges[i], isJoining);
      });
      const reply = await this.appendTo(members, values);
      if (reply === undefined) return;
      const [changed, fields, joined] = reply;
      for (const [n, epoch] of changed.entries()) {
        if (epoch === "") continue;
        epochs.set(members[n]!.name, epoch);
        known.drop(members[n]!.name);
      }
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
    });
    await Promise.all(calls);
    return replies;
  }

  /**
   * Keeps the charges of stored messages, and refunds the others. A charge stays reserved if its message's result is unknown. If a
   * repeat cannot be refunded now, its result is removed from `replies`: its sender tries again, and that try finds the charge.
   */
  private async settle(
    operations: readonly Operation[],
    charges: readonly (Charge | undefined | null)[],
    replies: AppendReply[],
  ): Promise<void> {
    const groups = groupByBucket(operations, (each, i) => {
      const charge = charges[i];
      if (!charge || charge.outcome === 0 || each.kind === "mark") return undefined;
      return (each.kind === "post") === (replies[i] !== undefined) ? each.request.user : undefined;
    });
    const calls = groups.map(async (members) => {
      const indexes = indexesOf(members);
      const values = indexes.flatMap((i): (string | number)[] => {
        const each = operations[i] as OperationOf<"post" | "history">;
        if (each.kind === "history") return ["c", charges[i]!.time, ""];
        return ["s", reservationKey(each), replies[i]![3]!];
      });
      const call = this.call(this.settleScript, this.keysOfUsers(members), [
        this.now,
        ...countsOf(members),
        ...values,
      ]);
      // A charge for a new message is never refunded, so its quota does not change, and the reply does not wait for this call.
      const isNew = (i: number) => operations[i]!.kind === "post" && replies[i]![0] === 1;
      const changed = new Set(indexes.filter((i) => !isNew(i)).map((i) => userOf(operations[i]!)));
      if (changed.size === 0) return;
      const reply = (await call) as CallReply | undefined;
      if (reply === undefined) {
        for (const i of indexes) if (operations[i]!.kind === "post" && !isNew(i)) replies[i] = undefined;
        return;
      }
      for (const [n, i] of indexes.entries()) {
        if (!changed.has(userOf(operations[i]!))) continue;
        const charge = charges[i]!;
        charge.used = Number(reply[n * 2]);
        charge.reset = Number(reply[n * 2 + 1]);
      }
    });
    await Promise.all(calls);
  }

  /** Carries out operations in conversations of one bucket. */
  private async appendTo(
    conversations: readonly Member[],
    operations: readonly (string | number)[],
  ): Promise<AppendCallReply | undefined> {
    const { client, retention, replicaTimeoutMs, known, storeEpoch } = this.deps;
    const keys: string[] = [];
    const values: (string | number)[] = [
      this.now,
      newEpoch(),
      retention.messages,
      retention.days,
      replicaTimeoutMs === undefined ? 0 : 1,
      MAX_HISTORY_BYTES,
      storeEpoch(),
    ];
    for (const { name: conversation, indexes } of conversations) {
      const name = client.keys.conversationName(conversation);
      keys.push(`${name}:meta`, `${name}:log`, `${name}:ids`, `${name}:marks`, name);
      const { seq, at, epoch, subscriptions } = known(conversation);
      values.push(indexes.length, seq, at, epoch, client.isSharded ? subscriptions : "");
    }
    keys.push(client.keys.bucketKey(bucketOf(conversations[0]!.name), "watched"));
    for (const operation of operations) values.push(operation);
    const reply = await this.call(this.appendScript, keys, values, replicaTimeoutMs);
    return reply as AppendCallReply | undefined;
  }

  private async call(
    script: Script,
    keys: readonly string[],
    values: readonly (string | number)[],
    replicaTimeoutMs?: number,
  ): Promise<unknown> {
    try {
      return await retryAfterRepair(() =>
        this.deps.client.runDurably(script, keys, values, replicaTimeoutMs),
      );
    } catch (error) {
      this.deps.emit("store.write_failed", { error: String(error) });
      return undefined;
    }
  }

  private keysOfUsers(users: readonly Member[]): string[] {
    const { keys } = this.deps.client;
    return users.flatMap(({ name: user }) => [keys.userKey(user, "quota"), keys.userKey(user, "reserved")]);
  }

  private get now(): "" | number {
    return this.deps.time === undefined ? "" : this.deps.time.now();
  }
}

/** The number of values that append.lua returns for each kind of operation. */
const REPLY_LENGTHS: Readonly<Record<Operation["kind"], number>> = { post: 4, history: 2, mark: 1 };

function isMetered(operation: Operation): boolean {
  return operation.kind !== "mark" && operation.request.limit > 0;
}

function userOf({ request }: Operation): string {
  return request.user;
}

/** Returns a name for a message that is unique among all messages of its user. */
function reservationKey({ request }: OperationOf<"post">): string {
  return dedupeKey(request.conversation, request.id);
}

function newToken(): string {
  return randomBytes(6).toString("base64url");
}

function encodeOperation(
  operation: Operation,
  charge: Charge | undefined | null,
  isJoining: boolean,
): (string | number)[] {
  if (operation.kind === "mark") {
    const { user, seq, epoch = "", exempt } = operation.request;
    return [exempt ? "mx" : "m", user, seq, epoch];
  }
  if (operation.kind === "history") {
    const { before, after, count } = operation.request;
    return ["h", before ?? "", after ?? "", count];
  }
  const { request } = operation;
  const name = dedupeKey(request.user, request.id);
  const { epoch = "", exempt, mustExist, user, joins } = request;
  const flags = exempt || mustExist ? speechFlags(request) : "";
  if (charge?.outcome === 0) return [`q${flags}`, name, user, epoch];
  const kind = isJoining ? `p${flags}j${joins!.members}` : `p${flags}`;
  return [kind, name, encodeRecord(request), charge?.token ?? "", epoch];
}

function decodeResult(
  operation: Operation,
  charge: Charge | undefined | null,
  reply: AppendReply,
): OperationResult {
  if (operation.kind === "mark") {
    if (reply === undefined) return UNAVAILABLE;
    return { outcome: Number(reply[0]) > 0 ? "moved" : "stayed" };
  }
  if (charge === null) return UNAVAILABLE;
  const counted = [operation.request.limit, charge?.used ?? 0, charge?.reset ?? 0] as const;
  const quota = quotaView(...counted);
  const refused = {
    outcome: "rate_limited",
    retryAfter: charge?.time ?? 0,
    quota: quotaLeft(...counted),
  } as const;
  if (operation.kind === "history") {
    if (charge?.outcome === 0) return refused;
    if (reply === undefined) return UNAVAILABLE;
    return { outcome: "read", entries: decodeList(String(reply[0])), more: reply[1] === 1, quota };
  }
  if (reply === undefined) return UNAVAILABLE;
  const [outcome, seq, at] = reply.map(Number);
  if (outcome === 0) return refused;
  if (outcome === 3) return { outcome: "removed" };
  if (outcome! > 3) return decodeRefusal(outcome!, reply[1]!);
  return { outcome: outcome === 1 ? "stored" : "duplicate", seq: seq!, at: at!, quota };
}

/** Groups operations by the bucket of their user or conversation. Operations without that name are left out. */
function groupByBucket(
  operations: readonly Operation[],
  nameOf: (operation: Operation, index: number) => string | undefined,
): BucketGroup[] {
  const groups = new Map<number, BucketGroup>();
  const members = new Map<string, Member>();
  for (const [i, operation] of operations.entries()) {
    const name = nameOf(operation, i);
    if (name === undefined) continue;
    const known = members.get(name);
    if (known !== undefined) {
      known.indexes.push(i);
      continue;
    }
    const member = { name, indexes: [i] };
    members.set(name, member);
    const bucket = bucketOf(name);
    const group = groups.get(bucket);
    if (group === undefined) groups.set(bucket, [member]);
    else group.push(member);
  }
  return [...groups.values()];
}

/** Returns the indexes of a group's operations in the batch, in the order of the call: member by member. */
function indexesOf(members: BucketGroup): readonly number[] {
  return members.length === 1 ? members[0]!.indexes : members.flatMap(({ indexes }) => indexes);
}

function countsOf(members: BucketGroup): number[] {
  return members.map(({ indexes }) => indexes.length);
}
