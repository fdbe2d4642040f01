import type { Quota } from "../../../protocol/server-frames.ts";
import { bucketOf } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { quotaLeft } from "../messages/message-encoding.ts";

const CHARGE = new Script("changes/charge");

/** The number of values that the script replies for each user. */
const REPLY_LENGTH = 4;

/** A user whose changes are charged. */
interface Account {
  readonly limit: number;
  /** The requests that were charged, and those that changes have taken. */
  granted: number;
  taken: number;
  /** Under which names they are charged: those of changes that have an id (lua/changes/charge.lua). */
  readonly grantedNames: Set<string>;
  /** The names of what was taken; '' for a change without an id. */
  takenNames: string[];
  /** The time of the charges, to give them back; '' if there are none. */
  at: string;
  used: number;
  reset: number;
  /** The milliseconds until one more request is accepted. */
  wait: number;
}

/**
 * The charges of one round of changes. First all is decided as if everybody had enough; then what that takes is charged. If a user
 * has not that many requests left, it is decided again, within those that were charged.
 */
export class RoundCharges {
  private readonly accounts = new Map<string, Account>();
  /** Whether a change is limited to what was charged. */
  private isStrict = false;

  constructor(
    private readonly client: RedisClient,
    private readonly now: () => number | "",
  ) {}

  /** Begins to decide again. */
  begin(isStrict: boolean): void {
    this.isStrict = isStrict;
    for (const account of this.accounts.values()) Object.assign(account, { taken: 0, takenNames: [] });
  }

  /** Has a user whose quota is to be known. */
  open(user: string, limit: number): Account {
    let account = this.accounts.get(user);
    if (account === undefined) {
      const names = { grantedNames: new Set<string>(), takenNames: [] };
      account = { limit, granted: 0, taken: 0, ...names, at: "", used: 0, reset: 0, wait: 0 };
      this.accounts.set(user, account);
    }
    return account;
  }

  readonly take = (user: string, limit: number, name: string): "charged" | "limited" => {
    const account = this.open(user, limit);
    if (this.isStrict && account.taken >= account.granted) return "limited";
    account.taken++;
    account.takenNames.push(name);
    return "charged";
  };

  /** Charges what was taken and not charged yet. Returns whether everybody had enough. */
  async charge(): Promise<boolean> {
    await this.call(({ taken, granted }) => Math.max(0, taken - granted));
    return [...this.accounts.values()].every(({ taken, granted }) => taken <= granted);
  }

  /** Gives back what was not taken. */
  async giveBack(): Promise<void> {
    if ([...this.accounts.values()].every(({ taken, granted }) => taken === granted)) return;
    await this.call(({ taken, granted }) => Math.min(0, taken - granted));
  }

  /** Returns the quota of a user after `taken` of its requests of this round; undefined for all. */
  quotaOf(user: string, limit: number, taken?: number): Quota | null {
    if (limit === 0) return null;
    const account = this.open(user, limit);
    return quotaLeft(limit, account.used - (account.taken - (taken ?? account.taken)), account.reset);
  }

  waitOf(user: string): number {
    return this.accounts.get(user)?.wait ?? 0;
  }

  private async call(countOf: (account: Account) => number): Promise<void> {
    const { client } = this;
    const { keys, isCluster } = client;
    const groups = isCluster
      ? [...Map.groupBy(this.accounts.keys(), bucketOf).values()]
      : [[...this.accounts.keys()]];
    const calls = groups.map(async (users) => {
      if (users.length === 0) return;
      const names = users.flatMap((user) => [keys.userKey(user, "quota"), keys.userKey(user, "charged")]);
      if (!isCluster) names.push(keys.globalKey("batch"), keys.globalKey("epoch"));
      const values = users.flatMap((user) => {
        const account = this.accounts.get(user)!;
        const count = countOf(account);
        return [account.limit, count, account.at, ...namesOf(account, count)];
      });
      const reply = await client.run(CHARGE, names, [this.now(), users.length, ...values]);
      const numbers = reply as (number | string)[];
      const at = String(numbers.at(-1));
      for (const [i, user] of users.entries()) {
        const account = this.accounts.get(user)!;
        const [charged, wait, used, reset] = numbers.slice(REPLY_LENGTH * i).map(Number);
        const count = countOf(account);
        if (charged! > 0) account.at = at;
        const own = namesOf(account, count);
        for (const name of own.slice(0, Math.max(charged!, -count))) {
          if (count < 0) account.grantedNames.delete(name);
          else account.grantedNames.add(name);
        }
        account.granted += charged! + Math.min(0, count);
        Object.assign(account, { wait, used, reset });
      }
    });
    await Promise.all(calls);
  }
}

/** Returns the names of requests to charge; for a count below 0, of those to give back. */
function namesOf({ grantedNames, takenNames }: Account, count: number): string[] {
  const names =
    count < 0
      ? [...grantedNames].filter((name) => name !== "" && !takenNames.includes(name))
      : takenNames.filter((name) => name === "" || !grantedNames.has(name));
  const found = names.slice(0, Math.abs(count));
  while (found.length < Math.abs(count)) found.push("");
  return found;
}
