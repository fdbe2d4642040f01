import type { Clock } from "../../core/clock.ts";
import { HISTORY_BUDGET } from "../../core/history.ts";
import type { RetentionLimits } from "../../core/retention.ts";
import type { EngineLog } from "../engine-log.ts";
import type { Result, Work } from "../work.ts";
import { again } from "./again.ts";
import type { RedisClient } from "./client.ts";
import { freshEpoch } from "./epoch.ts";
import { bodyOf, nameOf, quotaLeft, quotaView } from "./messages.ts";
import { Script } from "./scripts.ts";
import { type Known, type TurnResult, type Turns, UNAVAILABLE } from "./work.ts";

export interface TurnParts {
  readonly client: RedisClient;
  readonly log: EngineLog;
  readonly retention: RetentionLimits;
  /** How long to wait until a replica has what was written, in milliseconds; undefined: the primary is enough. */
  readonly replicaPatience: number | undefined;
  /** Time in tests; without it, Redis's own. */
  readonly time: Clock | undefined;
  readonly known: (conversation: string) => Known;
}

type Reply = readonly [epoch: string, epochs: readonly string[], said: readonly (string | number)[]];

/** One script call carries out a whole turn: one Redis holds the keys of all conversations and users. */
export class StandaloneTurns implements Turns {
  private readonly script = new Script("turn");

  constructor(private readonly parts: TurnParts) {}

  async carryOut(work: readonly Work[]): Promise<TurnResult> {
    const call = new Call(work, this.parts);
    try {
      const { client, replicaPatience } = this.parts;
      const reply = await again(() =>
        client.runDurably(this.script, call.keys, call.values, replicaPatience),
      );
      return call.read(reply as Reply);
    } catch (error) {
      this.parts.log.error("store.write_failed", { error: String(error), waiting: work.length });
      return { results: work.map(() => UNAVAILABLE), epochs: new Map() };
    }
  }
}

/** The places of names among the keys, in the order in which they are first asked for; counted from 1 as in Lua. */
class Places {
  readonly names: string[] = [];
  private readonly places = new Map<string, number>();

  of(name: string): number {
    let place = this.places.get(name);
    if (place === undefined) {
      place = this.names.push(name);
      this.places.set(name, place);
    }
    return place;
  }
}

/** The work of a turn as keys and arguments of turn.lua. */
class Call {
  readonly keys: readonly string[];
  readonly values: readonly (string | number)[];
  private readonly conversations = new Places();
  private readonly users = new Places();
  private readonly marked = new Places();

  constructor(
    private readonly work: readonly Work[],
    { client, retention, replicaPatience, time, known }: TurnParts,
  ) {
    const operations: (string | number)[] = [];
    for (const each of work) this.add(each, operations);
    const keys = [client.keys.ofAll("epoch"), client.keys.ofAll("turn")];
    const values: (string | number)[] = [
      time === undefined ? "" : time.now(),
      freshEpoch(),
      retention.messages,
      retention.days,
      replicaPatience === undefined ? 0 : 1,
      HISTORY_BUDGET,
      this.conversations.names.length,
      this.users.names.length,
    ];
    for (const conversation of this.conversations.names) {
      const { keys: names } = client;
      keys.push(
        names.ofConversation(conversation, "meta"),
        names.ofConversation(conversation, "log"),
        names.ofConversation(conversation, "ids"),
        names.channel(conversation),
      );
      const { seq, at, epoch, subscriptions } = known(conversation);
      values.push(seq, at, epoch, subscriptions);
    }
    for (const user of this.users.names) keys.push(client.keys.ofUser(user, "quota"));
    for (const conversation of this.marked.names)
      keys.push(client.keys.ofConversation(conversation, "marks"));
    for (const operation of operations) values.push(operation);
    this.keys = keys;
    this.values = values;
  }

  /** What turn.lua answered, as results in the order of the work. */
  read([, epochs, said]: Reply): TurnResult {
    let at = 0;
    const next = () => said[at++]!;
    const number = () => Number(next());
    const results = this.work.map((work): Result => {
      if (work.kind === "mark") return { outcome: number() > 0 ? "moved" : "stayed" };
      const [outcome, first, second] = [number(), next(), number()];
      const counted = [work.request.limit, number(), number()] as const;
      if (outcome === 0)
        return { outcome: "rate_limited", retryAfter: Number(first), quota: quotaLeft(...counted) };
      const quota = quotaView(...counted);
      if (outcome === 3) return { outcome: "removed" };
      if (work.kind === "history")
        return { outcome: "read", messages: JSON.parse(String(first)), more: second === 1, quota };
      return {
        outcome: outcome === 1 ? "stored" : "duplicate",
        seq: Number(first),
        at: second,
        quota,
      };
    });
    const changed = new Map<string, string>();
    for (const [i, epoch] of epochs.entries())
      if (epoch !== "") changed.set(this.conversations.names[i]!, epoch);
    return { results, epochs: changed };
  }

  private add({ kind, request }: Work, operations: (string | number)[]): void {
    const conversation = this.conversations.of(request.conversation);
    if (kind === "mark") {
      const { user, seq, epoch = "" } = request;
      operations.push("m", conversation, this.marked.of(request.conversation), user, seq, epoch);
      return;
    }
    const user = request.limit > 0 ? this.users.of(request.user) : 0;
    if (kind === "post") {
      const name = nameOf(request.user, request.id);
      const { limit, epoch = "" } = request;
      operations.push("p", conversation, user, limit, name, bodyOf(request), epoch);
    } else {
      const { limit, before, after, count } = request;
      operations.push("h", conversation, user, limit, before ?? "", after ?? "", count);
    }
  }
}
