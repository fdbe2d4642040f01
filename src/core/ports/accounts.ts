// The port for accounts: people and programs that sign in with a password.

export interface Account {
  readonly user: string;
  /** Name of a plan; one that is no longer in the settings counts as DEFAULT_PLAN. */
  readonly plan: string;
  readonly disabled: boolean;
  /** bcrypt, in modular crypt format. */
  readonly passwordHash: string;
  /** Whether the server created it with the published password. Refused on public addresses unless DEMO_ACCOUNTS is on. */
  readonly demo: boolean;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export type AccountChange = Partial<Pick<Account, "plan" | "disabled" | "passwordHash" | "demo">>;

/** Which accounts are listed; a field that is missing allows all. */
export type AccountFilter = Partial<Pick<Account, "plan" | "disabled">>;

/** Called with the account after the change, or undefined when it was removed. */
export type AccountListener = (user: string, account: Account | undefined) => void;

export interface AccountStore {
  find(user: string): Promise<Account | undefined>;
  /** MUST be ordered by user. */
  list(): Promise<Account[]>;
  /** Returns the accounts after the name `after` that pass the filter, at most `limit`. MUST be ordered by user. */
  page(
    range: { readonly after?: string | undefined; readonly limit: number },
    filter: AccountFilter,
  ): Promise<{ accounts: Account[]; more: boolean }>;
  /** Adds an account. MUST leave an existing one unchanged and return false. */
  add(account: Account): Promise<boolean>;
  /** Changes the named fields, all or none. Returns the account after the change, undefined if it does not exist. */
  update(user: string, change: AccountChange): Promise<Account | undefined>;
  /** Returns whether it existed. */
  remove(user: string): Promise<boolean>;
  /**
   * Adds `accounts` if this store has never held one, and returns whether it did. MUST do so at most once in the
   * store's life: demo accounts that an operator removed stay removed.
   */
  seed(accounts: readonly Account[]): Promise<boolean>;
  /** Reports every change, also one made by another process, within a second. Returns a function that stops it. */
  watch(listener: AccountListener): () => void;
}
