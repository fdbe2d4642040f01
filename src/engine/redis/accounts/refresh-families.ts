import { MAX_FAMILIES_PER_USER, type RefreshFamily } from "../../../core/access/refresh-rotation.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { RefreshTokenStore } from "../../../core/ports/refresh-tokens.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";

const COMPARE_AND_SET = new Script("connection/compare-and-set");
const BOUNDED_SET_ADD = new Script("connection/bounded-set-add");

/** The port for refresh tokens on Redis: a text for each family, and a set with the ids of each user's families. */
export class RedisRefreshFamilies implements RefreshTokenStore {
  constructor(
    private readonly client: RedisClient,
    private readonly clock: Clock,
  ) {}

  async add(family: RefreshFamily): Promise<void> {
    const { commands, keys } = this.client;
    const ttlMs = this.ttlOf(family);
    await commands.set(keys.familyKey(family.id), encodeFamily(family), "PX", ttlMs);
    const index = keys.userKey(family.user, "families");
    // If a crash keeps a family out of this set, it does not count against the limit, but it still expires.
    const arguments_ = [family.id, family.signedInAt, MAX_FAMILIES_PER_USER, ttlMs];
    const evicted = (await this.client.run(BOUNDED_SET_ADD, [index], arguments_)) as string[];
    if (evicted.length === 0) return;
    await Promise.all(evicted.map((id) => commands.del(keys.familyKey(id))));
    await commands.zrem(index, ...evicted);
  }

  async find(id: string): Promise<RefreshFamily | undefined> {
    const text = await this.client.commands.get(this.client.keys.familyKey(id));
    return text === null ? undefined : JSON.parse(text);
  }

  async replace(before: RefreshFamily, after: RefreshFamily | undefined): Promise<boolean> {
    const { commands, keys } = this.client;
    const ttlMs = after === undefined ? 0 : this.ttlOf(after);
    const change = [encodeFamily(before), after === undefined ? "" : encodeFamily(after), ttlMs];
    if ((await this.client.run(COMPARE_AND_SET, [keys.familyKey(before.id)], change)) !== 1) return false;
    const index = keys.userKey(before.user, "families");
    if (after === undefined) await commands.zrem(index, before.id);
    else await commands.pexpire(index, ttlMs);
    return true;
  }

  async remove(id: string, user: string): Promise<void> {
    const { commands, keys } = this.client;
    // The user of a family never changes.
    if ((await this.find(id))?.user !== user) return;
    await commands.del(keys.familyKey(id));
    await commands.zrem(keys.userKey(user, "families"), id);
  }

  /** The remaining time of a family in milliseconds; Redis measures it with its own clock. */
  private ttlOf({ expiresAt }: RefreshFamily): number {
    return Math.max(1, expiresAt - this.clock.wall());
  }
}

/** Returns the same text for equal families, whatever the order of their fields. */
export function encodeFamily({ id, user, account, signedInAt, expiresAt, tokens }: RefreshFamily): string {
  const live = tokens.map(({ hash, issuedAt, usedAt }) => ({ hash, issuedAt, usedAt }));
  return JSON.stringify({ id, user, account, signedInAt, expiresAt, tokens: live });
}
