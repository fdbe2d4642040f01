import { MAX_HISTORY_BYTES } from "../../../core/conversation/history.ts";
import type { RetentionLimits } from "../../../core/conversation/retention.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { PostRequest } from "../../../core/ports/message-log.ts";
import type { StreamRules } from "../../../core/streams/draft.ts";
import type { RedisClient } from "../connection/client.ts";
import { newEpoch } from "../connection/epoch.ts";
import { retryAfterRepair } from "../connection/retry-after-repair.ts";
import { Script } from "../connection/script.ts";
import { decodeRefusal, speechFlags } from "../members/encoding.ts";
import { JOIN_OUTCOMES } from "../members/join-lists.ts";
import type { KnownMembers } from "../members/known-members.ts";
import {
  decodeEnd,
  decodeStart,
  END_REPLY_LENGTH,
  endValues,
  type RedisOperation,
  type StartDetails,
  type StartRequest,
  startValues,
} from "../streams/operations.ts";
import {
  type BatchExecutor,
  type BatchResult,
  decodeNews,
  decodeResults,
  type KnownHead,
  knownEpoch,
  placesOf,
  type RedisResult,
  unavailableBatch,
} from "./batch.ts";
import { decodeConsidered } from "./considering.ts";
import { KeyIndexes } from "./key-indexes.ts";
import { decodeHistory, dedupeKey, encodeRecord, quotaLeft, quotaView } from "./message-encoding.ts";

export interface BatchDeps {
  readonly client: RedisClient;
  readonly emit: Emit;
  readonly retention: RetentionLimits;
  /** How long a replica may take to have the writes, in milliseconds; undefined: the primary is enough. */
  readonly replicaTimeoutMs: number | undefined;
  /** A manual clock, for tests. Without it, the time of Redis is used. */
  readonly time: Clock | undefined;
  readonly known: (conversation: string) => KnownHead;
  readonly members: KnownMembers;
  readonly streamRules: StreamRules;
  /** Whether events of read marks are written. */
  readonly wantsMarks: () => boolean;
}

/** Returns the flags of the scripts that carry out batches. */
export function batchFlags({ replicaTimeoutMs, wantsMarks }: BatchDeps): string {
  return (replicaTimeoutMs === undefined ? "" : "t") + (wantsMarks() ? "r" : "");
}

type BatchReply = readonly [
  epoch: string,
  epochs: readonly string[],
  said: readonly (string | number | StartDetails)[],
  joins?: readonly number[],
];

/** Carries out a whole batch in one script call, because one Redis has the keys of all conversations and users. */
export class StandaloneBatch implements BatchExecutor {
  private readonly script = new Script("messages/batch");

  constructor(private readonly deps: BatchDeps) {}

  async execute(operations: readonly RedisOperation[]): Promise<BatchResult> {
    try {
      const call = new BatchCall(operations, this.deps);
      const { client, replicaTimeoutMs } = this.deps;
      const reply = await retryAfterRepair(() =>
        client.runDurably(this.script, call.keys, call.values, replicaTimeoutMs),
      );
      return call.decode(reply as BatchReply);
    } catch (error) {
      this.deps.emit("store.write_failed", { error: String(error), waiting: operations.length });
      return unavailableBatch(operations);
    }
  }
}

/** Returns the operations of a batch as keys and arguments of batch.lua. */
class BatchCall {
  readonly keys: readonly string[];
  readonly values: readonly (string | number)[];
  private readonly conversations = new KeyIndexes();
  private readonly users = new KeyIndexes();
  private readonly marked = new KeyIndexes();
  /** Keys of lists of users. */
  private readonly lists = new KeyIndexes();
  /** The messages and streams that may make their senders members. */
  private readonly joining: (PostRequest | StartRequest)[] = [];
  private readonly membersVersion: number;

  constructor(
    private readonly operations: readonly RedisOperation[],
    private readonly deps: BatchDeps,
  ) {
    const { client, retention, time, known, members } = deps;
    this.membersVersion = members.version;
    const encoded: (string | number)[] = [];
    for (const each of operations) this.add(each, encoded);
    const shared = ["epoch", "batch", "feed"] as const;
    const keys = shared.map((what) => client.keys.globalKey(what));
    const values: (string | number)[] = [
      time === undefined ? "" : time.now(),
      newEpoch(),
      retention.messages,
      retention.days,
      batchFlags(deps),
      MAX_HISTORY_BYTES,
      this.conversations.names.length,
      this.users.names.length,
      this.marked.names.length,
    ];
    for (const conversation of this.conversations.names) {
      // The bucket is computed once for all keys of the conversation.
      const name = client.keys.conversationName(conversation);
      keys.push(`${name}:meta`, `${name}:log`, `${name}:ids`, name);
      const head = known(conversation);
      values.push(head.seq, head.at, knownEpoch(head), head.subscriptions);
    }
    for (const user of this.users.names) keys.push(client.keys.userKey(user, "quota"));
    for (const conversation of this.marked.names)
      keys.push(client.keys.conversationKey(conversation, "marks"));
    for (const list of this.lists.names) keys.push(list);
    keys.push(client.keys.globalKey("watched"));
    this.keys = keys;
    this.values = values.concat(encoded);
  }

  /** Reads the reply of batch.lua: results in the order of the operations. */
  decode([, epochs, values, joins]: BatchReply): BatchResult {
    let at = 0;
    const next = () => values[at++] as string | number;
    const number = () => Number(next());
    // Of each operation all values are taken before any is read that could not be readable.
    const results = decodeResults(this.operations, this.deps.emit, (operation): RedisResult => {
      if (operation.kind === "mark") return { outcome: number() > 0 ? "moved" : "stayed" };
      if (operation.kind === "end") {
        at += END_REPLY_LENGTH;
        return decodeEnd(values.slice(at - END_REPLY_LENGTH, at) as (string | number)[]);
      }
      const [outcome, first, second] = [number(), next(), number()];
      if (operation.kind === "consider") {
        at += 2;
        return decodeConsidered([outcome, first, second]);
      }
      const counted = [operation.request.limit, number(), number()] as const;
      if (operation.kind === "start") {
        const details = values[at++] as StartDetails | "";
        const started = decodeStart(operation.request, outcome, details, quotaView(...counted));
        if (started !== undefined) return started;
      }
      if (outcome === 0)
        return { outcome: "rate_limited", retryAfter: Number(first), quota: quotaLeft(...counted) };
      const quota = quotaView(...counted);
      if (outcome === 3) return { outcome: "removed" };
      // The id is that of an open stream, or of a change.
      if (outcome === 7 || outcome === 10) return { outcome: "id_in_use" };
      if (outcome > 3) return decodeRefusal(outcome, first);
      if (operation.kind === "history")
        return { outcome: "read", ...decodeHistory(String(first)), more: second === 1, quota };
      return {
        outcome: outcome === 1 ? "stored" : "duplicate",
        seq: Number(first),
        at: second,
        quota,
      };
    });
    const news = decodeNews(this.conversations.names, epochs);
    for (const conversation of news.epochs.keys()) this.deps.members.drop(conversation);
    for (const [i, request] of this.joining.entries())
      this.deps.members.onJoin(request, JOIN_OUTCOMES[joins![i]!]!, this.membersVersion);
    const places = placesOf(this.operations, news.revs);
    return { results, epochs: news.epochs, ...(places !== undefined && { places }) };
  }

  private kindOf(letter: "p" | "S", request: PostRequest | StartRequest): string {
    const { joins, exempt, mustExist, user } = request;
    const flags = exempt || mustExist ? letter + speechFlags(request) : letter;
    if (joins === undefined || this.deps.members.has(request.conversation, user)) return flags;
    this.joining.push(request);
    const list = this.deps.client.keys.userKey(user, "conversations");
    return `${flags}j${joins.members} ${joins.conversations} ${this.lists.of(list)}`;
  }

  private add({ kind, request }: RedisOperation, encoded: (string | number)[]): void {
    const conversation = this.conversations.of(request.conversation);
    if (kind === "end") {
      encoded.push("E", conversation, ...endValues(request, this.deps.streamRules));
      return;
    }
    if (kind === "mark") {
      const { user, seq, epoch = "", exempt } = request;
      encoded.push(exempt ? "mx" : "m", conversation, this.marked.of(request.conversation), user, seq, epoch);
      return;
    }
    if (kind === "consider") {
      const name = dedupeKey(request.user, request.id);
      encoded.push(`q${speechFlags(request)}`, conversation, name, request.user, request.epoch ?? "");
      return;
    }
    const user = request.limit > 0 ? this.users.of(request.user) : 0;
    if (kind === "post") {
      const name = dedupeKey(request.user, request.id);
      const { limit, epoch = "" } = request;
      encoded.push(this.kindOf("p", request), conversation, user, limit, name, encodeRecord(request), epoch);
    } else if (kind === "start") {
      const list = this.lists.of(this.deps.client.keys.userKey(request.user, "streams"));
      encoded.push(this.kindOf("S", request), conversation, user, request.limit, list);
      encoded.push(...startValues(request, this.deps.streamRules));
    } else {
      const { limit, before, after, count } = request;
      encoded.push("h", conversation, user, limit, before ?? "", after ?? "", count, request.user);
    }
  }
}
