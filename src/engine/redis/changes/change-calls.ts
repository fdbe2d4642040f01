import type { RetentionLimits } from "../../../core/conversation/retention.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { ChangeOutcome as AnyChangeOutcome } from "../../change-operation.ts";
import { bucketOf } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import { newEpoch } from "../connection/epoch.ts";
import { retryAfterRepair } from "../connection/retry-after-repair.ts";
import { Script } from "../connection/script.ts";
import { eventsKey } from "../feed/event-streams.ts";
import type { KnownMembers } from "../members/known-members.ts";
import { type KnownHead, knownEpoch, UNAVAILABLE } from "../messages/batch.ts";
import { RoundCharges } from "./charges.ts";
import type { MadeChange } from "./encoding.ts";
import { ChangeRound, type Decided } from "./round.ts";
import {
  type ChangeCallRequest,
  decodeScene,
  type Scene,
  SceneQuery,
  type SceneReply,
  usersPart,
} from "./scene.ts";

const READ = new Script("changes/read");
const COMMIT = new Script("changes/commit");

/** How often a round is decided again because another node was faster. Of several nodes one always succeeds. */
const MAX_TRIES = 50;

export interface ChangeCallsDeps {
  readonly client: RedisClient;
  readonly emit: Emit;
  readonly retention: RetentionLimits;
  readonly replicaTimeoutMs: number | undefined;
  readonly time: Clock | undefined;
  readonly known: (conversation: string) => KnownHead;
  readonly members: Pick<KnownMembers, "drop">;
  /** The epoch of the store, as the node knows it. */
  readonly storeEpoch: () => string;
  /** For how long users may edit and erase their own messages, in milliseconds; 0 without an end. */
  readonly editWithin: number;
}

/** What came of one change. */
export interface ChangeOutcome {
  readonly result: AnyChangeOutcome;
  /** Of a change that was stored. */
  readonly made?: MadeChange;
}

/** What came of the changes of one conversation. */
export interface RoundOutcome {
  readonly outcomes: readonly ChangeOutcome[];
  /** As in the reply of a batch; '' if nothing was read. */
  readonly news: string;
  /** The newest message when the changes were stored. */
  readonly after: number;
}

/**
 * Carries out changes: reads what they need, decides, charges, and writes by a script that finds out whether all is still as it was
 * read. If it is not, another node was faster, and all is read again.
 */
export class ChangeCalls {
  constructor(private readonly deps: ChangeCallsDeps) {}

  /** Carries out changes of one conversation, in their order. Does not reject. */
  async execute(conversation: string, requests: readonly ChangeCallRequest[]): Promise<RoundOutcome> {
    const charges = new RoundCharges(this.deps.client, () => this.now);
    try {
      return await this.carryOut(conversation, requests, charges);
    } catch (error) {
      // What was charged stays so, under the name of the change: it may be stored, and a repeat is not charged again.
      this.deps.emit("store.write_failed", { error: String(error), waiting: requests.length });
      return { outcomes: requests.map(() => ({ result: UNAVAILABLE })), news: "", after: 0 };
    }
  }

  private async carryOut(
    conversation: string,
    requests: readonly ChangeCallRequest[],
    charges: RoundCharges,
  ): Promise<RoundOutcome> {
    const query = new SceneQuery(requests);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const scene = await this.read(conversation, query);
      const round = await this.decide(conversation, scene, requests, charges);
      const values = round.encode();
      const after =
        values === undefined ? scene.seq : await this.commit(conversation, values, round.usersParts);
      if (after === undefined) continue;
      await charges.giveBack();
      return { outcomes: outcomesOf(round.decided, requests, charges), news: scene.news, after };
    }
    charges.begin(true);
    await charges.giveBack();
    throw new Error(`Other nodes changed ${conversation} in each of ${MAX_TRIES} tries.`);
  }

  private async decide(
    conversation: string,
    scene: Scene,
    requests: readonly ChangeCallRequest[],
    charges: RoundCharges,
  ): Promise<ChangeRound> {
    const options = { editWithin: this.deps.editWithin, charge: charges.take };
    charges.begin(false);
    const round = new ChangeRound(conversation, scene, options, requests);
    for (const [i, { result }] of round.decided.entries()) {
      const { user, limit } = requests[i]!;
      if ("quota" in result && limit > 0) charges.open(user, limit);
    }
    if (await charges.charge()) return round;
    charges.begin(true);
    return new ChangeRound(conversation, scene, options, requests);
  }

  private async read(conversation: string, query: SceneQuery): Promise<Scene> {
    const { client, known, storeEpoch } = this.deps;
    const { keys, isCluster } = client;
    const name = keys.conversationName(conversation);
    const events = eventsKey(client, conversation);
    const names = [`${name}:meta`, `${name}:log`, `${name}:ids`, `${name}:changes`, events];
    if (!isCluster) names.push(keys.globalKey("epoch"));
    for (const [seq, digest] of query.reactions.values()) names.push(`${name}:${usersPart(seq, digest)}`);
    const head = known(conversation);
    const values = [this.now, newEpoch(), isCluster ? storeEpoch() : "", head.seq, head.at, knownEpoch(head)];
    values.push(...query.encode());
    const reply = await retryAfterRepair(() => client.run(READ, names, values));
    const scene = decodeScene(query, reply as SceneReply);
    // Another epoch: the conversation may have been removed, and its members with it.
    if (scene.news !== "" && !scene.news.startsWith(" ")) this.deps.members.drop(conversation);
    return scene;
  }

  /** Returns the newest message; undefined if all must be read again. */
  private async commit(
    conversation: string,
    decided: readonly (string | number)[],
    users: readonly string[],
  ): Promise<number | undefined> {
    const { client, retention, replicaTimeoutMs, known, storeEpoch } = this.deps;
    const { keys, isCluster, isSharded } = client;
    const name = keys.conversationName(conversation);
    const bucket = bucketOf(conversation);
    const names = [`${name}:meta`, `${name}:log`, `${name}:ids`, name, keys.bucketKey(bucket, "blank")];
    const parts = ["changes", "revs", "change-ids", "rounds", "blank"];
    names.push(isCluster ? keys.bucketKey(bucket, "watched") : keys.globalKey("watched"));
    for (const part of parts) names.push(`${name}:${part}`);
    names.push(eventsKey(client, conversation));
    if (!isCluster) names.push(keys.globalKey("epoch"));
    for (const part of users) names.push(`${name}:${part}`);
    const values = [
      ...[this.now, isCluster ? storeEpoch() : "", retention.messages, retention.days],
      ...[isSharded ? "SPUBLISH" : "PUBLISH", isSharded ? "SHARDNUMSUB" : isCluster ? "" : "NUMSUB"],
      known(conversation).subscriptions,
      ...decided,
    ];
    const reply = await client.runDurably(COMMIT, names, values, replicaTimeoutMs);
    const [isStored, seq] = reply as [number, number | undefined];
    return isStored === 1 ? seq : undefined;
  }

  private get now(): number | "" {
    return this.deps.time?.now() ?? "";
  }
}

/** Adds the quotas to the results of a round. */
function outcomesOf(
  decided: readonly Decided[],
  requests: readonly ChangeCallRequest[],
  charges: RoundCharges,
): ChangeOutcome[] {
  const taken = new Map<string, number>();
  return decided.map(({ result, made, isCharged }, i): ChangeOutcome => {
    const { user, limit } = requests[i]!;
    const own = (taken.get(user) ?? 0) + (isCharged ? 1 : 0);
    taken.set(user, own);
    const quota = charges.quotaOf(user, limit, own);
    if (result.outcome === "limited")
      return { result: { outcome: "rate_limited", retryAfter: charges.waitOf(user), quota: quota! } };
    if (result.outcome !== "changed" && result.outcome !== "duplicate") return { result };
    const complete = { ...result, quota };
    return made === undefined ? { result: complete } : { result: complete, made };
  });
}
