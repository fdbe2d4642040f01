// The port for accounts: people and programs that sign in with a password.

export interface Account {
  readonly user: string;
  /** Name of a plan; one that the settings no longer name counts as DEFAULT_PLAN. */
  readonly plan: string;
  readonly disabled: boolean;
  /** bcrypt, in modular crypt format. */
  readonly passwordHash: string;
  /** Made by the server itself with the published password; refused on public addresses unless DEMO_ACCOUNTS is on. */
  readonly demo: boolean;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export type AccountChange = Partial<Pick<Account, "plan" | "disabled" | "passwordHash" | "demo">>;

/** Called with the account as it is now, or undefined when it was removed. */
export type AccountListener = (user: string, account: Account | undefined) => void;

export interface AccountStore {
  find(user: string): Promise<Account | undefined>;
  /** MUST be ordered by user. */
  list(): Promise<Account[]>;
  /** Adds an account. MUST leave an existing one untouched and answer false. */
  add(account: Account): Promise<boolean>;
  /** Changes the named fields, all or none. Answers the account after the change, undefined where there is none. */
  update(user: string, change: AccountChange): Promise<Account | undefined>;
  /** Answers whether there was one. */
  remove(user: string): Promise<boolean>;
  /**
   * Adds `accounts` if this store has never held one, and answers whether it did. MUST do so at most once in the
   * store's life: demo accounts that an operator removed stay removed.
   */
  seed(accounts: readonly Account[]): Promise<boolean>;
  /** Tells of every change, also one made by another process, within a second. Answers a function that stops it. */
  watch(listener: AccountListener): () => void;
}
