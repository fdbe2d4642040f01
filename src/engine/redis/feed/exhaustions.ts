import { LruMap } from "../../../core/collections/lru-map.ts";
import { QUOTA_WINDOW_MS } from "../../../core/conversation/quota.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { eventsKey } from "./event-streams.ts";

const EXHAUSTED = new Script("feed/exhausted");

/** Users of whom this node knows that it was written. */
const MAX_KNOWN = 10_000;

export interface ExhaustionsDeps {
  readonly client: RedisClient;
  /** Milliseconds, of a clock that is never set back. */
  readonly now: () => number;
  /** The store's time as scripts take it: '' where they ask Redis. */
  readonly scriptTime: () => number | "";
}

/** Writes `quota.exhausted`: once in the window of the quota for each user, however often it goes on asking, and on how many nodes. */
export class Exhaustions {
  private readonly known = new LruMap<number>(MAX_KNOWN);

  constructor(private readonly deps: ExhaustionsDeps) {}

  /** A request of the user was refused because its plan's `limit` an hour is used up. Rejects if Redis cannot be written. */
  async note(user: string, limit: number): Promise<void> {
    const { client, now, scriptTime } = this.deps;
    const last = this.known.get(user);
    if (last !== undefined && now() < last + QUOTA_WINDOW_MS) return;
    this.known.set(user, now());
    const keys = [client.keys.userKey(user, "exhausted"), eventsKey(client, user)];
    const events = JSON.stringify([{ type: "quota.exhausted", user, details: { limit } }]);
    try {
      await client.run(EXHAUSTED, keys, [scriptTime(), QUOTA_WINDOW_MS, events]);
    } catch (error) {
      this.known.delete(user);
      throw error;
    }
  }
}
