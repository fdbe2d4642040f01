// The port for sign-in throttles. The rules are in core/access/sign-in-throttle.ts; `test/contracts/throttle.ts` is the contract.

export interface ThrottleLimits {
  /** Failures of one account from one address within `window`; 0 switches both account rules off. */
  readonly failures: number;
  /** Milliseconds. */
  readonly window: number;
  /** Attempts of one address in a minute; 0 switches both rules by address off. */
  readonly attemptsPerMinute: number;
}

/** `retryAfter` is in milliseconds: an attempt after it passes this rule, if there were no other attempts meanwhile. */
export type ThrottleDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly retryAfter: number; readonly rule: ThrottleRule };

export type ThrottleRule = "address" | "account_and_address" | "account";

/** Attempts to sign in, counted over all nodes. */
export interface ThrottleStore {
  /** Decides about one attempt; an allowed one MUST be settled by exactly one of the others. */
  attempt(account: string, address: string): Promise<ThrottleDecision>;
  succeeded(account: string, address: string): Promise<void>;
  failed(account: string, address: string): Promise<void>;
  cancelled(account: string, address: string): Promise<void>;
}
