import { RecencyMap } from "./recency-map.ts";

// Sign-in throttles (S3), decided before anything is hashed, so that guessing costs the guesser and not the server.
//
//   address            30 attempts in any minute, whatever came of them.
//   account + address  5 failures in 5 minutes, then a wait that doubles with each further failure. Attempts still
//                      being hashed count as failures until they are settled, or a guesser would send them all at once.
//   account            under attack from many addresses, each address must come back after a short wait for each
//                      attempt, as a mail server greylists. The wait is the address's own: strangers cannot use up
//                      the owner's turn, so that nobody can be locked out by failures of others.

export interface ThrottleLimits {
  /** Failures of one account from one address within `window`; 0 switches both account rules off. */
  readonly failures: number;
  /** Milliseconds. */
  readonly window: number;
  /** Attempts of one address in a minute; 0 switches the rule off. */
  readonly attemptsPerMinute: number;
}

/** `retryAfter` is in milliseconds: an attempt made then passes this rule, if nothing else was tried meanwhile. */
export type ThrottleDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly retryAfter: number; readonly rule: ThrottleRule };

export type ThrottleRule = "address" | "account_and_address" | "account";

/** Accounts, addresses and pairs remembered at most, each; the one tried longest ago is forgotten first. */
export const THROTTLE_CAPACITY = 50_000;

/** Longest wait of account + address, in milliseconds. */
export const LONGEST_WAIT = 3_600_000;

/** An account counts as under attack from this many times the `failures` of one address. */
export const ACCOUNT_FAILURES_FACTOR = 4;

/** First and longest wait of an address that tries an account under attack, in milliseconds. */
export const FIRST_ACCOUNT_WAIT = 1_000;
export const LONGEST_ACCOUNT_WAIT = 32_000;

/** Wait while attempts of the same account and address are being hashed: about one bcrypt at cost 12, in milliseconds. */
const IN_FLIGHT_WAIT = 1_000;

const MINUTE = 60_000;

/** The port for sign-in throttles: `SignInThrottle` counted over all nodes. */
export interface ThrottleStore {
  /** Decides about one attempt; an allowed one MUST be settled by exactly one of the others. */
  attempt(account: string, address: string): Promise<ThrottleDecision>;
  succeeded(account: string, address: string): Promise<void>;
  failed(account: string, address: string): Promise<void>;
  withdrawn(account: string, address: string): Promise<void>;
}

interface Pair {
  failedAt: number[];
  /** Waits imposed in a row; each is twice the one before. */
  waits: number;
  waitUntil: number;
  inFlight: number;
  /** When the wait for an account under attack is over; undefined when none was asked for. */
  heldUntil: number | undefined;
  touchedAt: number;
}

interface Times {
  at: number[];
  touchedAt: number;
}

/** All sign-in throttles of one node. Times are milliseconds and MUST NOT run backwards from call to call. */
export class SignInThrottle {
  private readonly limits: ThrottleLimits;
  private readonly pairs: RecencyMap<Pair>;
  private readonly accounts: RecencyMap<Times>;
  private readonly addresses: RecencyMap<Times>;

  constructor(limits: ThrottleLimits, capacity = THROTTLE_CAPACITY) {
    this.limits = limits;
    this.pairs = new RecencyMap(capacity);
    this.accounts = new RecencyMap(capacity);
    this.addresses = new RecencyMap(capacity);
  }

  /** Entries remembered, of all three kinds. */
  get size(): number {
    return this.pairs.size + this.accounts.size + this.addresses.size;
  }

  /**
   * Decides about one attempt. An allowed one MUST be settled by exactly one of `succeeded`, `failed` and `withdrawn`;
   * a refused one is not recorded, so that a client that keeps asking does not lengthen its own wait.
   */
  attempt(account: string, address: string, now: number): ThrottleDecision {
    this.sweep(now);
    const tries = this.recentTries(address, now);
    const { attemptsPerMinute, failures } = this.limits;
    if (attemptsPerMinute > 0 && tries.length >= attemptsPerMinute)
      return refused("address", tries[tries.length - attemptsPerMinute]! + MINUTE - now);

    if (failures > 0) {
      const pair = this.pair(account, address, now);
      const refusal = this.pairRefusal(pair, now) ?? this.accountRefusal(account, pair, now);
      this.pairs.set(pairKey(account, address), pair);
      if (refusal !== undefined) return refusal;
      pair.inFlight++;
      pair.heldUntil = undefined;
    }
    if (attemptsPerMinute > 0) this.addresses.set(address, { at: [...tries, now], touchedAt: now });
    return { allowed: true };
  }

  /** The password was right: what this address did wrong with this account is forgotten. */
  succeeded(account: string, address: string): void {
    this.pairs.delete(pairKey(account, address));
  }

  /** The password was wrong, or there is no such account; strangers must not be able to tell which. */
  failed(account: string, address: string, now: number): void {
    const { failures, window } = this.limits;
    if (failures === 0) return;
    const pair = this.pair(account, address, now);
    pair.inFlight = Math.max(0, pair.inFlight - 1);
    pair.failedAt.push(now);
    if (pair.waits > 0 || pair.failedAt.length >= failures) {
      // The first wait keeps to the rate that the limit promises: 5 in 5 minutes is one a minute.
      pair.waitUntil = now + Math.min(LONGEST_WAIT, (window / failures) * 2 ** pair.waits);
      pair.waits++;
    }
    this.pairs.set(pairKey(account, address), pair);

    const at = within(this.accounts.get(account)?.at ?? [], now - window);
    this.accounts.set(account, { at: [...at, now].slice(-this.accountFailuresKept()), touchedAt: now });
  }

  /** The password was never compared (the queue was full, the store away): as if it had not been tried. */
  withdrawn(account: string, address: string): void {
    const pair = this.pairs.get(pairKey(account, address));
    if (pair !== undefined) pair.inFlight = Math.max(0, pair.inFlight - 1);
  }

  private pairRefusal(pair: Pair, now: number): ThrottleDecision | undefined {
    if (now < pair.waitUntil) return refused("account_and_address", pair.waitUntil - now);
    const spent = pair.waits > 0 ? this.limits.failures - 1 : pair.failedAt.length;
    if (spent + pair.inFlight >= this.limits.failures) return refused("account_and_address", IN_FLIGHT_WAIT);
    return undefined;
  }

  private accountRefusal(account: string, pair: Pair, now: number): ThrottleDecision | undefined {
    const { failures, window } = this.limits;
    const failed = within(this.accounts.get(account)?.at ?? [], now - window).length;
    const excess = failed - failures * ACCOUNT_FAILURES_FACTOR;
    if (excess < 0) return undefined;
    const wait = Math.min(LONGEST_ACCOUNT_WAIT, FIRST_ACCOUNT_WAIT * 2 ** Math.floor(excess / failures));
    pair.heldUntil ??= now + wait;
    return now < pair.heldUntil ? refused("account", pair.heldUntil - now) : undefined;
  }

  /** As many as decide about the longest wait; more of them change nothing. */
  private accountFailuresKept(): number {
    const doublings = Math.log2(LONGEST_ACCOUNT_WAIT / FIRST_ACCOUNT_WAIT);
    return this.limits.failures * (ACCOUNT_FAILURES_FACTOR + doublings);
  }

  private pair(account: string, address: string, now: number): Pair {
    const { window } = this.limits;
    const known = this.pairs.get(pairKey(account, address));
    if (known === undefined)
      return { failedAt: [], waits: 0, waitUntil: 0, inFlight: 0, heldUntil: undefined, touchedAt: now };
    // Who has kept quiet for a whole window after the last wait starts afresh.
    if (now >= known.waitUntil + window) known.waits = 0;
    known.failedAt = within(known.failedAt, now - window);
    known.touchedAt = now;
    return known;
  }

  private recentTries(address: string, now: number): number[] {
    return within(this.addresses.get(address)?.at ?? [], now - MINUTE);
  }

  private sweep(now: number): void {
    const { window } = this.limits;
    this.addresses.sweep((tries) => tries.touchedAt <= now - MINUTE);
    this.accounts.sweep((failures) => failures.touchedAt <= now - window);
    this.pairs.sweep((pair) => pair.touchedAt <= now - LONGEST_WAIT - window);
  }
}

function refused(rule: ThrottleRule, retryAfter: number): ThrottleDecision {
  return { allowed: false, retryAfter, rule };
}

/** The ascending `times` later than `since`. */
function within(times: number[], since: number): number[] {
  const first = times.findIndex((time) => time > since);
  if (first <= 0) return first === 0 ? times : [];
  return times.slice(first);
}

/** Identifiers hold no space, so that no two pairs share a key; for what is not an identifier a clash is harmless. */
function pairKey(account: string, address: string): string {
  return `${address} ${account}`;
}
