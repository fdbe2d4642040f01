import type { Database } from "bun:sqlite";
import type { Emit } from "../../../core/events/events.ts";
import type {
  Account,
  AccountChange,
  AccountFilter,
  AccountListener,
  AccountStore,
} from "../../../core/ports/accounts.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { NameRange } from "../../../core/ports/conversation/members.ts";
import { Listeners } from "../../listeners.ts";

/** A row of the table `account`. */
export interface AccountRow {
  readonly user: string;
  readonly plan: string;
  readonly disabled: number;
  readonly password_hash: string;
  readonly demo: number;
  readonly created_at: number;
}

/** The interval at which changes by other processes are looked for, in milliseconds. The port promises a second. */
const POLL_INTERVAL_MS = 500;

/** The port for accounts on SQLite. The command line may change the same file while a server runs. */
export class SqliteAccounts implements AccountStore {
  private readonly listeners = new Listeners<Parameters<AccountListener>>({
    onFirstAdded: () => this.startPolling(),
    onLastRemoved: () => this.stopPolling?.(),
    // A listener that fails is not called again for this change: the other listeners and changes must not wait for it.
    onError: (error, [user]) => this.emit("accounts.listener_failed", { user, error: String(error) }),
  });
  private known = new Map<string, Account>();
  private version = -1;
  private stopPolling: (() => void) | undefined;

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly emit: Emit,
  ) {}

  async find(user: string): Promise<Account | undefined> {
    const row = this.db.query("select * from account where user = ?").get(user) as AccountRow | null;
    return row === null ? undefined : decodeAccount(row);
  }

  async list(): Promise<Account[]> {
    return this.readAll();
  }

  async page({ after = "", limit }: NameRange, { plan, disabled }: AccountFilter) {
    const rows = this.db
      .query(
        `select * from account
         where user > ?1 and (?2 is null or plan = ?2) and (?3 is null or disabled = ?3) order by user limit ?4`,
      )
      .all(after, plan ?? null, disabled === undefined ? null : Number(disabled), limit + 1) as AccountRow[];
    return { accounts: rows.slice(0, limit).map(decodeAccount), more: rows.length > limit };
  }

  async add(account: Account): Promise<boolean> {
    const added = this.db.transaction(() => this.insert(account)).immediate();
    this.poll();
    return added;
  }

  async update(user: string, change: AccountChange): Promise<Account | undefined> {
    const row = this.db
      .query(
        `update account set plan = coalesce(?, plan), disabled = coalesce(?, disabled),
           password_hash = coalesce(?, password_hash), demo = coalesce(?, demo)
         where user = ? returning *`,
      )
      .get(
        change.plan ?? null,
        change.disabled === undefined ? null : Number(change.disabled),
        change.passwordHash ?? null,
        change.demo === undefined ? null : Number(change.demo),
        user,
      ) as AccountRow | null;
    this.poll();
    return row === null ? undefined : decodeAccount(row);
  }

  async remove(user: string): Promise<boolean> {
    const { changes } = this.db.query("delete from account where user = ?").run(user);
    this.poll();
    return changes > 0;
  }

  async seed(accounts: readonly Account[]): Promise<boolean> {
    const seeded = this.db
      .transaction(() => {
        const used = this.db.query("select 1 from meta where key = 'had_accounts'").get();
        if (used !== null) return false;
        for (const account of accounts) this.insert(account);
        return true;
      })
      .immediate();
    this.poll();
    return seeded;
  }

  watch(listener: AccountListener): () => void {
    return this.listeners.add((news) => listener(...news));
  }

  private startPolling(): void {
    this.known = this.byUser();
    this.stopPolling = this.clock.every(POLL_INTERVAL_MS, () => this.tryPoll());
  }

  /** Adds the account, and the mark that the store has had one. MUST be called inside a transaction. */
  private insert(account: Account): boolean {
    const { changes } = this.db
      .query("insert or ignore into account values (?, ?, ?, ?, ?, ?)")
      .run(
        account.user,
        account.plan,
        Number(account.disabled),
        account.passwordHash,
        Number(account.demo),
        account.createdAt,
      );
    this.db.query("insert or ignore into meta values ('had_accounts', 'yes')").run();
    return changes > 0;
  }

  /** The value of `data_version` changes when another connection has committed. The query reads no tables. */
  private pollForChanges(): void {
    const { data_version: version } = this.db.query("pragma data_version").get() as { data_version: number };
    if (version === this.version) return;
    this.version = version;
    this.poll();
  }

  /** Runs on a timer, so it catches the errors of a store that cannot be read. */
  private tryPoll(): void {
    try {
      this.pollForChanges();
    } catch (error) {
      this.emit("store.read_failed", { error: String(error) });
    }
  }

  private poll(): void {
    if (this.listeners.isEmpty) return;
    const before = this.known;
    this.known = this.byUser();
    for (const [user, account] of this.known) {
      if (!Bun.deepEquals(before.get(user), account)) this.listeners.notify([user, account]);
    }
    for (const user of before.keys()) if (!this.known.has(user)) this.listeners.notify([user, undefined]);
  }

  private byUser(): Map<string, Account> {
    return new Map(this.readAll().map((account) => [account.user, account]));
  }

  private readAll(): Account[] {
    return (this.db.query("select * from account order by user").all() as AccountRow[]).map(decodeAccount);
  }
}

/** Reads a row of the table `account`. */
export function decodeAccount(row: AccountRow): Account {
  return {
    user: row.user,
    plan: row.plan,
    disabled: row.disabled !== 0,
    passwordHash: row.password_hash,
    demo: row.demo !== 0,
    createdAt: row.created_at,
  };
}
