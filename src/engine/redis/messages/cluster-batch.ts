import { randomBytes } from "node:crypto";
import { MAX_HISTORY_BYTES } from "../../../core/conversation/history.ts";
import type { Operation, OperationOf, OperationResult } from "../../operation.ts";
import { newEpoch } from "../connection/epoch.ts";
import { retryAfterRepair } from "../connection/retry-after-repair.ts";
import { Script } from "../connection/script.ts";
import { type BatchExecutor, type BatchResult, UNAVAILABLE } from "./batch.ts";
import { dedupeKey, encodeBody, quotaLeft, quotaView } from "./message-encoding.ts";
import type { BatchDeps } from "./standalone-batch.ts";

export interface ClusterBatchDeps extends BatchDeps {
  /** The life of the store, which lies in a slot of its own. */
  readonly storeEpoch: () => string;
}

/** What came of charging a request: 1 charged now, 2 charged by an earlier try, 0 refused. */
interface Charge {
  readonly outcome: number;
  /** When it was charged; of what is refused, how long to wait. */
  readonly time: number;
  readonly token: string;
  used: number;
  reset: number;
}

/** What came of an operation in a conversation; undefined where it could not be carried out. */
type AppendReply = readonly (string | number)[] | undefined;

/**
 * Redis Cluster keeps a user's charges and a conversation in different slots, which no script can touch together. So a
 * turn takes three steps, each of them one call for each user or conversation, and all calls of a step at once: the
 * charge is reserved by the message's name, the message appended, and the reservation settled. A crash between two of
 * them charges nothing twice and stores nothing twice, because the next try finds what the one before has done.
 */
export class ClusterBatch implements BatchExecutor {
  private readonly reserveScript = new Script("messages/reserve");
  private readonly appendScript = new Script("messages/append");
  private readonly settleScript = new Script("messages/settle");

  constructor(private readonly deps: ClusterBatchDeps) {}

  async execute(operations: readonly Operation[]): Promise<BatchResult> {
    const charges = await this.reserve(operations);
    const epochs = new Map<string, string>();
    const replies = await this.append(operations, charges, epochs);
    await this.settle(operations, charges, replies);
    return { results: operations.map((each, i) => decodeResult(each, charges[i], replies[i])), epochs };
  }

  /** Charges who is metered. Undefined for a request that is not, and null for one that could not be charged. */
  private async reserve(operations: readonly Operation[]): Promise<(Charge | undefined | null)[]> {
    const charges: (Charge | undefined | null)[] = operations.map(() => undefined);
    const metered = groupIndexes(operations, (each) => (isMetered(each) ? each.request.user : undefined));
    const calls = [...metered].map(async ([user, indexes]) => {
      const values = indexes.flatMap((i) => {
        const each = operations[i] as OperationOf<"post" | "history">;
        return [each.request.limit, each.kind === "post" ? reservationKey(each) : "", newToken()];
      });
      const reply = await this.call(this.reserveScript, this.keysOfUser(user), [this.now, ...values]);
      for (const [n, i] of indexes.entries()) {
        if (reply === undefined) {
          charges[i] = null;
          continue;
        }
        const [outcome, time, used, reset, token] = reply.slice(n * 5, n * 5 + 5);
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

  /** Carries out in each conversation what was charged, and looks whether the rest is a repeat. */
  private async append(
    operations: readonly Operation[],
    charges: readonly (Charge | undefined | null)[],
    epochs: Map<string, string>,
  ): Promise<AppendReply[]> {
    const replies: AppendReply[] = operations.map(() => undefined);
    const inConversations = groupIndexes(operations, (each, i) =>
      charges[i] === null || (each.kind === "history" && charges[i]?.outcome === 0)
        ? undefined
        : each.request.conversation,
    );
    const calls = [...inConversations].map(async ([conversation, indexes]) => {
      const values = indexes.flatMap((i) => encodeOperation(operations[i]!, charges[i]));
      const reply = await this.appendTo(conversation, values);
      if (reply === undefined) return;
      const [epoch, fields] = reply;
      if (epoch !== "") epochs.set(conversation, epoch);
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

  /** Keeps what was charged for what is stored, and takes back the rest; what is unknown stays reserved. */
  private async settle(
    operations: readonly Operation[],
    charges: readonly (Charge | undefined | null)[],
    replies: readonly AppendReply[],
  ): Promise<void> {
    const settled = groupIndexes(operations, (each, i) => {
      const charge = charges[i];
      if (!charge || charge.outcome === 0) return undefined;
      return (each.kind === "post") === (replies[i] !== undefined) ? each.request.user : undefined;
    });
    const calls = [...settled].map(async ([user, indexes]) => {
      const values = indexes.flatMap((i): (string | number)[] => {
        const each = operations[i] as OperationOf<"post" | "history">;
        if (each.kind === "history") return ["c", charges[i]!.time, ""];
        return ["s", reservationKey(each), replies[i]![3]!];
      });
      const call = this.call(this.settleScript, this.keysOfUser(user), [this.now, ...values]);
      // Nothing is taken back for a message that is new: nobody needs to wait for that.
      if (indexes.every((i) => operations[i]!.kind === "post" && replies[i]![0] === 1)) return;
      const reply = await call;
      if (reply === undefined) return;
      for (const [n, i] of indexes.entries()) {
        const charge = charges[i]!;
        charge.used = Number(reply[n * 2]);
        charge.reset = Number(reply[n * 2 + 1]);
      }
    });
    await Promise.all(calls);
  }

  private async appendTo(
    conversation: string,
    operations: readonly (string | number)[],
  ): Promise<readonly [string, readonly (string | number)[]] | undefined> {
    const { client, retention, replicaTimeoutMs: replicaPatience, known, storeEpoch } = this.deps;
    const { keys } = client;
    const names = (["meta", "log", "ids", "marks"] as const).map((what) =>
      keys.conversationKey(conversation, what),
    );
    const { seq, at, epoch, subscriptions } = known(conversation);
    const values = [
      this.now,
      newEpoch(),
      retention.messages,
      retention.days,
      replicaPatience === undefined ? 0 : 1,
      MAX_HISTORY_BYTES,
      storeEpoch(),
      seq,
      at,
      epoch,
      client.isSharded ? subscriptions : "",
      ...operations,
    ];
    const reply = await this.call(
      this.appendScript,
      [...names, keys.channelOf(conversation)],
      values,
      replicaPatience,
    );
    return reply as unknown as readonly [string, readonly (string | number)[]] | undefined;
  }

  private async call(
    script: Script,
    keys: readonly string[],
    values: readonly (string | number)[],
    replicaTimeoutMs?: number,
  ): Promise<readonly (string | number)[] | undefined> {
    try {
      const reply = await retryAfterRepair(() =>
        this.deps.client.runDurably(script, keys, values, replicaTimeoutMs),
      );
      return reply as readonly (string | number)[];
    } catch (error) {
      this.deps.emit("store.write_failed", { error: String(error) });
      return undefined;
    }
  }

  private keysOfUser(user: string): [quota: string, reserved: string] {
    const { keys } = this.deps.client;
    return [keys.userKey(user, "quota"), keys.userKey(user, "reserved")];
  }

  private get now(): string | number {
    return this.deps.time === undefined ? "" : this.deps.time.now();
  }
}

/** How many words append.lua says of each kind of work. */
const REPLY_LENGTHS: Readonly<Record<Operation["kind"], number>> = { post: 4, history: 2, mark: 1 };

function isMetered(operation: Operation): boolean {
  return operation.kind !== "mark" && operation.request.limit > 0;
}

/** A user's name for a message among those of all conversations. */
function reservationKey({ request }: OperationOf<"post">): string {
  return dedupeKey(request.conversation, request.id);
}

function newToken(): string {
  return randomBytes(6).toString("base64url");
}

function encodeOperation(operation: Operation, charge: Charge | undefined | null): (string | number)[] {
  if (operation.kind === "mark") {
    const { user, seq, epoch = "" } = operation.request;
    return ["m", user, seq, epoch];
  }
  if (operation.kind === "history") {
    const { before, after, count } = operation.request;
    return ["h", before ?? "", after ?? "", count];
  }
  const { request } = operation;
  const name = dedupeKey(request.user, request.id);
  const { epoch = "" } = request;
  return charge?.outcome === 0
    ? ["q", name, epoch]
    : ["p", name, encodeBody(request), charge?.token ?? "", epoch];
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
    return { outcome: "read", messages: JSON.parse(String(reply[0])), more: reply[1] === 1, quota };
  }
  if (reply === undefined) return UNAVAILABLE;
  const [outcome, seq, at] = reply.map(Number);
  if (outcome === 0) return refused;
  if (outcome === 3) return { outcome: "removed" };
  return { outcome: outcome === 1 ? "stored" : "duplicate", seq: seq!, at: at!, quota };
}

/** The places of what shares a name, by the name; without those that have none. */
function groupIndexes<Item>(
  items: readonly Item[],
  name: (item: Item, index: number) => string | undefined,
): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const [i, item] of items.entries()) {
    const key = name(item, i);
    if (key === undefined) continue;
    const indexes = found.get(key);
    if (indexes === undefined) found.set(key, [i]);
    else indexes.push(i);
  }
  return found;
}
