import type { Account, AccountListener, AccountStore } from "../../src/core/accounts.ts";

/** The account port in memory, for tests of what stands in front of it. */
export class MemoryAccounts implements AccountStore {
  private readonly accounts = new Map<string, Account>();
  private readonly listeners = new Set<AccountListener>();
  private everHeld = false;

  constructor(...accounts: readonly Account[]) {
    for (const account of accounts) this.put(account);
  }

  async find(user: string): Promise<Account | undefined> {
    return this.accounts.get(user);
  }

  async list(): Promise<Account[]> {
    return [...this.accounts.values()].sort((a, b) => (a.user < b.user ? -1 : 1));
  }

  async add(account: Account): Promise<boolean> {
    if (this.accounts.has(account.user)) return false;
    this.put(account);
    return true;
  }

  async update(user: string, change: Partial<Account>): Promise<Account | undefined> {
    const account = this.accounts.get(user);
    if (account === undefined) return undefined;
    const changed = { ...account, ...change };
    this.put(changed);
    return changed;
  }

  async remove(user: string): Promise<boolean> {
    const removed = this.accounts.delete(user);
    if (removed) for (const listener of this.listeners) listener(user, undefined);
    return removed;
  }

  async seed(accounts: readonly Account[]): Promise<boolean> {
    if (this.everHeld) return false;
    for (const account of accounts) this.put(account);
    return true;
  }

  watch(listener: AccountListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  private put(account: Account): void {
    this.everHeld = true;
    this.accounts.set(account.user, account);
    for (const listener of this.listeners) listener(account.user, account);
  }
}
