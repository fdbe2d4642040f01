import type { Emit } from "../../../core/events/events.ts";
import type {
  Account,
  AccountChange,
  AccountFilter,
  AccountListener,
  AccountStore,
} from "../../../core/ports/accounts.ts";
import type { NameRange } from "../../../core/ports/conversation/members.ts";
import { Listeners } from "../../listeners.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import type { ControlEvent, ControlStream } from "../control-stream.ts";

const CHANGE = new Script("accounts/account-change");
const SEED = new Script("accounts/account-seed");

/** The number of accounts that are read at once for a page of the list. */
const PAGE_SIZE = 500;

/** The number of tries to change an account that other nodes change at the same time. */
const MAX_ATTEMPTS = 20;

/** The port for accounts on Redis. All accounts are in one hash, which can be read at once and changed one account at a time. */
export class RedisAccounts implements AccountStore {
  private readonly listeners = new Listeners<Parameters<AccountListener>>({
    onFirstAdded: () => this.beginListening(),
    onLastRemoved: () => this.endListening(),
    // A listener that fails is not called again for this change: the other listeners and changes must not wait for it.
    onError: (error, [user]) => this.emit("accounts.listener_failed", { user, error: String(error) }),
  });
  /** A digest of each account as the listeners know it, to find the accounts that changed while no events arrived. */
  private known: Map<string, bigint> | undefined;
  private stopListening: (() => void) | undefined;
  private readonly key: string;
  private readonly scriptKeys: readonly string[];

  constructor(
    private readonly client: RedisClient,
    private readonly control: ControlStream,
    private readonly emit: Emit,
  ) {
    this.key = client.keys.globalKey("accounts");
    this.scriptKeys = [this.key, client.keys.globalKey("seeded"), ...control.scriptKeys];
  }

  async find(user: string): Promise<Account | undefined> {
    const text = await this.client.commands.hget(this.key, user);
    return text === null ? undefined : JSON.parse(text);
  }

  async list(): Promise<Account[]> {
    const all = Object.entries(await this.client.commands.hgetall(this.key));
    return all.sort(([one], [other]) => (one < other ? -1 : 1)).map(([, text]) => JSON.parse(text));
  }

  async page({ after = "", limit }: NameRange, filter: AccountFilter) {
    // The names are a tenth of the accounts. A hash has no order, so the first names are found among all.
    const names = await this.client.commands.hkeys(this.key);
    const accounts: Account[] = [];
    for (let from = after; ; ) {
      const next = firstAfter(names, from, PAGE_SIZE);
      if (next.length === 0) return { accounts, more: false };
      for (const text of await this.client.commands.hmget(this.key, ...next)) {
        // It may have been removed meanwhile.
        const account = text === null ? undefined : (JSON.parse(text) as Account);
        if (account === undefined || !passes(account, filter)) continue;
        if (accounts.length === limit) return { accounts, more: true };
        accounts.push(account);
      }
      from = next.at(-1)!;
    }
  }

  async add(account: Account): Promise<boolean> {
    return this.change(account.user, "", encodeAccount(account));
  }

  async update(user: string, change: AccountChange): Promise<Account | undefined> {
    const changed = (account: Account): Account => ({ ...account, ...change });
    const before = await this.replace(user, (account) => encodeAccount(changed(account)));
    return before && changed(before);
  }

  async remove(user: string): Promise<boolean> {
    return (await this.replace(user, () => "")) !== undefined;
  }

  async seed(accounts: readonly Account[]): Promise<boolean> {
    const rows = accounts.flatMap((account) => [account.user, encodeAccount(account)]);
    const seeded = await this.client.run(SEED, this.scriptKeys, [...this.control.scriptArguments, ...rows]);
    await this.control.poll();
    return seeded === 1;
  }

  watch(listener: AccountListener): () => void {
    return this.listeners.add((news) => listener(...news));
  }

  private beginListening(): void {
    this.stopListening = this.control.listen({
      onEvents: (events) => this.onEvents(events),
      onMissed: () => this.compare(),
    });
    // If the accounts cannot be read now, the control stream calls `onMissed` later.
    this.loadKnown().catch(() => this.control.invalidate());
  }

  private endListening(): void {
    this.stopListening?.();
    this.known = undefined;
  }

  /** Replaces an account, as text, by `next` of it. Returns the earlier one; undefined if there is none. */
  private async replace(user: string, next: (account: Account) => string): Promise<Account | undefined> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const before = await this.client.commands.hget(this.key, user);
      if (before === null) return undefined;
      const account: Account = JSON.parse(before);
      if (await this.change(user, before, next(account))) return account;
    }
    throw new Error("An account was changed by others all the time.");
  }

  private async change(user: string, before: string, after: string): Promise<boolean> {
    const arguments_ = [user, before, after, ...this.control.scriptArguments];
    const changed = await this.client.run(CHANGE, this.scriptKeys, arguments_);
    await this.control.poll();
    return changed === 1;
  }

  /** Notifies the listeners of the present state of the changed accounts, which may include later changes. */
  private async onEvents(events: readonly ControlEvent[]): Promise<void> {
    const users = [...new Set(events.flatMap((event) => ("account" in event ? [event.account] : [])))];
    if (users.length === 0) return;
    const texts = await this.client.commands.hmget(this.key, ...users);
    for (const [index, user] of users.entries()) this.applyAccount(user, texts[index] ?? undefined);
  }

  /** Notifies the listeners of every account that has changed since the last event. */
  private async compare(): Promise<void> {
    if (this.known === undefined) return this.loadKnown();
    const all = new Map(Object.entries(await this.client.commands.hgetall(this.key)));
    for (const user of [...this.known.keys()]) if (!all.has(user)) this.applyAccount(user, undefined);
    for (const [user, text] of all) if (this.known.get(user) !== digest(text)) this.applyAccount(user, text);
  }

  private async loadKnown(): Promise<void> {
    const all = Object.entries(await this.client.commands.hgetall(this.key));
    if (!this.listeners.isEmpty) this.known = new Map(all.map(([user, text]) => [user, digest(text)]));
  }

  private applyAccount(user: string, text: string | undefined): void {
    if (text === undefined) this.known?.delete(user);
    else this.known?.set(user, digest(text));
    const account = text === undefined ? undefined : (JSON.parse(text) as Account);
    this.listeners.notify([user, account]);
  }
}

/** Returns the `count` least names after `after`, in order. It keeps the least ones so far, and so need not order all names. */
function firstAfter(names: readonly string[], after: string, count: number): string[] {
  let least: string[] = [];
  let limit: string | undefined;
  for (const name of names) {
    if (name <= after || (limit !== undefined && name >= limit)) continue;
    least.push(name);
    if (least.length < 2 * count) continue;
    least = least.sort().slice(0, count);
    limit = least.at(-1);
  }
  return least.sort().slice(0, count);
}

function passes(account: Account, { plan, disabled }: AccountFilter): boolean {
  return (
    (plan === undefined || account.plan === plan) && (disabled === undefined || account.disabled === disabled)
  );
}

/** Returns the value of an account in the hash of all accounts. */
export function encodeAccount({ user, plan, disabled, passwordHash, demo, createdAt }: Account): string {
  return JSON.stringify({ user, plan, disabled, passwordHash, demo, createdAt });
}

/** A digest is shorter than the account, and it keeps the hash of the password out of memory. */
function digest(text: string): bigint {
  return Bun.hash.wyhash(text);
}
