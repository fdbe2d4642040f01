import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { Quotas } from "../../../core/ports/message-log.ts";
import type { Quota } from "../../../protocol/server-frames.ts";
import type { ChargeResult } from "../../operation.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import type { AnyOperation, RedisResult } from "../messages/batch.ts";
import { quotaView } from "../messages/message-encoding.ts";

const VIEW = new Script("accounts/quota-view");
const CHARGE = new Script("accounts/quota-charge");

/** The quotas of users, beside the charges of batches. */
export class RedisQuotas implements Quotas {
  constructor(
    private readonly client: RedisClient,
    private readonly emit: Emit,
    /** A manual clock, for tests. Without it, the time of Redis is used. */
    private readonly time: Clock | undefined,
  ) {}

  async quota(user: string, limit: number): Promise<Quota | null> {
    return (await this.look(user, limit)).quota;
  }

  /** Returns the quota, and the milliseconds until one more request is accepted. */
  async look(
    user: string,
    limit: number,
  ): Promise<{ readonly quota: Quota | null; readonly retryAfter: number }> {
    if (limit === 0) return { quota: null, retryAfter: 0 };
    const reply = await this.client.run(VIEW, this.keysOf(user), [this.now, limit]);
    const [used, reset, retryAfter] = reply as [number, number, number];
    return { quota: quotaView(limit, used, reset), retryAfter };
  }

  async charge(user: string, limit: number, count: number): Promise<ChargeResult> {
    if (limit === 0) return { outcome: "charged", quota: null };
    const reply = await this.client.run(CHARGE, this.keysOf(user), [this.now, limit, count]);
    const [retryAfter, used, reset] = reply as [number, number, number];
    const quota = quotaView(limit, used, reset)!;
    return retryAfter > 0 ? { outcome: "rate_limited", retryAfter, quota } : { outcome: "charged", quota };
  }

  /** Adds the quotas of users whose streams have ended: a script cannot read them, because it learns the user from the stream. */
  async addToEnds(operations: readonly AnyOperation[], results: readonly RedisResult[]): Promise<void> {
    const reads = results.map(async (each, i) => {
      const { request, kind } = operations[i]!;
      if (kind !== "end" || request.limit === 0 || !("entry" in each)) return;
      try {
        each.quota = await this.quota(each.entry.from, request.limit);
      } catch (error) {
        // The message is stored, so its writer gets an ack.
        this.emit("store.read_failed", { error: String(error) });
      }
    });
    await Promise.all(reads);
  }

  private keysOf(user: string): string[] {
    const { keys, isCluster } = this.client;
    const names = [keys.userKey(user, "quota")];
    if (!isCluster) names.push(keys.globalKey("batch"), keys.globalKey("epoch"));
    return names;
  }

  private get now(): number | "" {
    return this.time?.now() ?? "";
  }
}
