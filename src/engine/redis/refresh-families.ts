import type { Clock } from "../../core/clock.ts";
import { MAX_FAMILIES, type RefreshFamily, type RefreshStore } from "../../core/refresh.ts";
import type { RedisClient } from "./client.ts";
import { Script } from "./scripts.ts";

const REPLACE = new Script("replace");
const ENTER = new Script("enter");

/** The port for refresh tokens on Redis: a text for each family, and the names of each user's. */
export class RedisRefreshFamilies implements RefreshStore {
  constructor(
    private readonly client: RedisClient,
    private readonly clock: Clock,
  ) {}

  async add(family: RefreshFamily): Promise<void> {
    const { commands, keys } = this.client;
    const life = this.lifeOf(family);
    await commands.set(keys.ofFamily(family.id), textOf(family), "PX", life);
    const index = keys.ofUser(family.user, "families");
    // A family that a crash keeps out of here does not count, and expires like any other.
    const arguments_ = [family.id, family.signedInAt, MAX_FAMILIES, life];
    const gone = (await this.client.run(ENTER, [index], arguments_)) as string[];
    if (gone.length === 0) return;
    await Promise.all(gone.map((id) => commands.del(keys.ofFamily(id))));
    await commands.zrem(index, ...gone);
  }

  async find(id: string): Promise<RefreshFamily | undefined> {
    const text = await this.client.commands.get(this.client.keys.ofFamily(id));
    return text === null ? undefined : JSON.parse(text);
  }

  async replace(before: RefreshFamily, after: RefreshFamily | undefined): Promise<boolean> {
    const { commands, keys } = this.client;
    const life = after === undefined ? 0 : this.lifeOf(after);
    const change = [textOf(before), after === undefined ? "" : textOf(after), life];
    if ((await this.client.run(REPLACE, [keys.ofFamily(before.id)], change)) !== 1) return false;
    const index = keys.ofUser(before.user, "families");
    if (after === undefined) await commands.zrem(index, before.id);
    else await commands.pexpire(index, life);
    return true;
  }

  async remove(id: string, user: string): Promise<void> {
    const { commands, keys } = this.client;
    // Whose a family is never changes.
    if ((await this.find(id))?.user !== user) return;
    await commands.del(keys.ofFamily(id));
    await commands.zrem(keys.ofUser(user, "families"), id);
  }

  /** What is left to it, which Redis counts by its own clock. */
  private lifeOf({ expiresAt }: RefreshFamily): number {
    return Math.max(1, expiresAt - this.clock.wall());
  }
}

/** The same family gives the same text, in whatever order its fields came. */
function textOf({ id, user, account, signedInAt, expiresAt, tokens }: RefreshFamily): string {
  const live = tokens.map(({ hash, issuedAt, usedAt }) => ({ hash, issuedAt, usedAt }));
  return JSON.stringify({ id, user, account, signedInAt, expiresAt, tokens: live });
}
