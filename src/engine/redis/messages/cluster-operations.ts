// The operations of a batch in Cluster: how they are grouped by buckets, and what the scripts get and reply.
import { randomBytes } from "node:crypto";
import type { StreamRules } from "../../../core/streams/draft.ts";
import type { OperationOf } from "../../operation.ts";
import { bucketOf } from "../connection/buckets.ts";
import { decodeRefusal, speechFlags } from "../members/encoding.ts";
import {
  decodeEnd,
  decodeStart,
  END_REPLY_LENGTH,
  endValues,
  type RedisOperation,
  type StartDetails,
  type StartOperation,
  startValues,
} from "../streams/operations.ts";
import { type RedisResult, UNAVAILABLE } from "./batch.ts";
import { decodeConsidered } from "./considering.ts";
import { decodeHistory, dedupeKey, encodeRecord, quotaLeft, quotaView } from "./message-encoding.ts";

/** The result of the charge for a request: 1 charged now, 2 charged by an earlier try, 0 refused. */
export interface Charge {
  readonly outcome: number;
  /** The time of the charge; if it was refused, the milliseconds to wait. */
  readonly time: number;
  readonly token: string;
  used: number;
  reset: number;
}

/** The result of an operation in a conversation; undefined if it could not be carried out. */
export type AppendReply = CallReply | undefined;

/** The results of operations, one after the other, as a script returns them. */
export type CallReply = readonly (string | number)[];

/** An operation that is charged where its user has a limit. */
export type ChargedOperation = OperationOf<"post" | "history"> | StartOperation;

/** A user or conversation with the indexes of its operations in the batch. */
export interface Member {
  readonly name: string;
  readonly indexes: number[];
}

/** The operations of one call: those of the users, or of the conversations, of one bucket. */
export type BucketGroup = Member[];

/** The number of values that append.lua returns for each kind of operation. */
export const REPLY_LENGTHS: Readonly<Record<RedisOperation["kind"], number>> = {
  post: 4,
  history: 2,
  mark: 1,
  consider: 4,
  start: 5,
  end: END_REPLY_LENGTH,
};

export function isCharged(operation: RedisOperation): operation is ChargedOperation {
  const { kind } = operation;
  return kind === "post" || kind === "history" || kind === "start";
}

/** Whether an operation stores something under a name, so that a repeat of it is not charged again. */
export function isNamed(operation: RedisOperation): operation is OperationOf<"post"> | StartOperation {
  return operation.kind === "post" || operation.kind === "start";
}

/** Returns a name for a message that is unique among all messages of its user. */
export function reservationKey({ request }: OperationOf<"post"> | StartOperation): string {
  return dedupeKey(request.conversation, request.id);
}

export function newToken(): string {
  return randomBytes(6).toString("base64url");
}

/** What is known of an operation before it is carried out in its conversation. */
export interface Prepared {
  readonly charge: Charge | undefined | null;
  /** Where the request may make its sender a member: how many members the conversation may have. */
  readonly maxMembers: number | undefined;
  /** Of a start: whether the user may open one more stream. */
  readonly hasPlace: boolean;
  readonly rules: StreamRules;
}

export function encodeOperation(
  operation: RedisOperation,
  { charge, maxMembers, hasPlace, rules }: Prepared,
): (string | number)[] {
  if (operation.kind === "end") return ["E", ...endValues(operation.request, rules)];
  if (operation.kind === "mark") {
    const { user, seq, epoch = "", exempt } = operation.request;
    return [exempt ? "mx" : "m", user, seq, epoch];
  }
  if (operation.kind === "history") {
    const { before, after, count } = operation.request;
    return ["h", before ?? "", after ?? "", count, operation.request.user];
  }
  if (operation.kind === "consider") {
    const { request } = operation;
    return [
      `q${speechFlags(request)}`,
      dedupeKey(request.user, request.id),
      request.user,
      request.epoch ?? "",
    ];
  }
  const { request } = operation;
  const name = dedupeKey(request.user, request.id);
  const { epoch = "", exempt, mustExist, user } = request;
  const flags = exempt || mustExist ? speechFlags(request) : "";
  const joins = maxMembers === undefined ? "" : `j${maxMembers}`;
  if (operation.kind === "start") {
    const isRefused = charge?.outcome === 0;
    const values = startValues(operation.request, rules);
    return [`S${flags}${joins}`, isRefused ? 0 : 1, charge?.token ?? "", hasPlace ? 1 : 0, ...values];
  }
  if (charge?.outcome === 0) return [`q${flags}`, name, user, epoch];
  return [`p${flags}${joins}`, name, encodeRecord(operation.request), charge?.token ?? "", epoch];
}

export function decodeResult(
  operation: RedisOperation,
  charge: Charge | undefined | null,
  reply: AppendReply,
): RedisResult {
  if (operation.kind === "end") return reply === undefined ? UNAVAILABLE : decodeEnd(reply);
  if (operation.kind === "mark") {
    if (reply === undefined) return UNAVAILABLE;
    return { outcome: Number(reply[0]) > 0 ? "moved" : "stayed" };
  }
  if (operation.kind === "consider") return reply === undefined ? UNAVAILABLE : decodeConsidered(reply);
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
    return { outcome: "read", ...decodeHistory(String(reply[0])), more: reply[1] === 1, quota };
  }
  if (reply === undefined) return UNAVAILABLE;
  const [outcome, seq, at] = [Number(reply[0]), Number(reply[1]), Number(reply[2])];
  if (operation.kind === "start") {
    const details = reply[4] as unknown as StartDetails | "";
    const started = decodeStart(operation.request, outcome, details, quota);
    if (started !== undefined) return started;
  }
  if (outcome === 0) return refused;
  if (outcome === 3) return { outcome: "removed" };
  // The id is that of an open stream, or of a change.
  if (outcome === 7 || outcome === 10) return { outcome: "id_in_use" };
  if (outcome > 3) return decodeRefusal(outcome, reply[1]!);
  return { outcome: outcome === 1 ? "stored" : "duplicate", seq, at, quota };
}

/** Groups operations by the bucket of their user or conversation. Operations without that name are left out. */
export function groupByBucket(
  operations: readonly RedisOperation[],
  nameOf: (operation: RedisOperation, index: number) => string | undefined,
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
export function indexesOf(members: BucketGroup): readonly number[] {
  return members.length === 1 ? members[0]!.indexes : members.flatMap(({ indexes }) => indexes);
}

export function countsOf(members: BucketGroup): number[] {
  return members.map(({ indexes }) => indexes.length);
}
