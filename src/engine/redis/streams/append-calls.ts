import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type {
  StreamAppend,
  StreamAppendResult,
  StreamWriter,
} from "../../../core/ports/conversation/streams.ts";
import type { StreamRules } from "../../../core/streams/draft.ts";
import { bucketOf } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { UNAVAILABLE } from "../messages/batch.ts";
import { appendValues } from "./operations.ts";

const APPEND = new Script("streams/append");

/** The number of values that the script replies for each stream. */
const REPLY_LENGTH = 4;

export interface AppendRequest {
  readonly writer: StreamWriter;
  readonly appends: readonly StreamAppend[];
  /** `othersListen`: whether other nodes may be subscribed to the channel of the conversation. */
  readonly done: (result: StreamAppendResult, othersListen: boolean) => void;
}

export interface AppendCallsDeps {
  readonly client: RedisClient;
  readonly emit: Emit;
  readonly rules: StreamRules;
  /** How long a replica may take to have the writes, in milliseconds; undefined: the primary is enough. */
  readonly replicaTimeoutMs: number | undefined;
  readonly time: Clock | undefined;
  /** The subscriptions of this node to the channel of a conversation. */
  readonly subscriptions: (conversation: string) => 0 | 1;
}

/** Stores the appends of one turn of the event loop: on one Redis in one call, in Cluster in one call for each bucket. */
export class AppendCalls {
  private waiting: AppendRequest[] = [];

  constructor(private readonly deps: AppendCallsDeps) {}

  add(request: AppendRequest): void {
    if (this.waiting.push(request) === 1) setImmediate(() => this.flush());
  }

  /** Sends what waits, now: what is sent to Redis after this is carried out after it. */
  flush(): void {
    if (this.waiting.length === 0) return;
    const requests = this.waiting;
    this.waiting = [];
    const groups = this.deps.client.isCluster
      ? [...Map.groupBy(requests, ({ writer }) => bucketOf(writer.conversation)).values()]
      : [requests];
    for (const group of groups) void this.send(group);
  }

  private async send(requests: readonly AppendRequest[]): Promise<void> {
    const { client, emit, rules, replicaTimeoutMs, time, subscriptions } = this.deps;
    const keys: string[] = [];
    const values: (string | number)[] = [time?.now() ?? "", rules.maxBytes, this.numsub];
    for (const { writer, appends } of requests) {
      const { conversation, stream, generation } = writer;
      const name = client.keys.conversationName(conversation);
      keys.push(`${name}:meta`, name);
      values.push(stream, generation, subscriptions(conversation), appends.length);
      for (const append of appends) values.push(...appendValues(append));
    }
    let reply: readonly (string | number)[] | undefined;
    try {
      if (client.ready)
        reply = (await client.runDurably(APPEND, keys, values, replicaTimeoutMs)) as typeof reply;
    } catch (error) {
      emit("store.write_failed", { error: String(error), waiting: requests.length });
    }
    for (const [i, { done }] of requests.entries()) {
      const own = reply?.slice(REPLY_LENGTH * i, REPLY_LENGTH * (i + 1));
      done(own === undefined ? UNAVAILABLE : decodeAppend(own), own?.[3] !== 0);
    }
  }

  /** The command that counts subscriptions; a Cluster before 7 cannot count those of other servers. */
  private get numsub(): string {
    const { isCluster, isSharded } = this.deps.client;
    if (isSharded) return "SHARDNUMSUB";
    return isCluster ? "" : "NUMSUB";
  }
}

function decodeAppend([outcome, newest, by]: readonly (string | number)[]): StreamAppendResult {
  const n = Number(newest);
  switch (outcome) {
    case 1:
      return { outcome: "stored", n, ...(by !== "" && { cancelledBy: String(by) }) };
    case 2:
      return { outcome: "fenced" };
    case 3:
      return { outcome: "gap", n };
    case 4:
      return { outcome: "too_large" };
    default:
      throw new Error(`A script replied ${outcome}.`);
  }
}
