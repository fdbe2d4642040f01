import {
  type AccountAddressState,
  ADDRESS_TTL_MS,
  type AddressState,
  ALLOWED,
  accountAddressTtl,
  cancelAttempt,
  checkAccountAddress,
  checkAddress,
  MAX_THROTTLE_ENTRIES,
  recordAccountFailure,
  recordFailure,
  settleAddress,
  type Timestamps,
} from "../../core/access/sign-in-throttle.ts";
import { LruMap } from "../../core/collections/lru-map.ts";
import type { ThrottleDecision, ThrottleLimits } from "../../core/ports/throttle.ts";

/** All sign-in throttles of one node. Times are milliseconds and MUST NOT run backwards from call to call. */
export class SignInThrottle {
  private readonly limits: ThrottleLimits;
  private readonly pairs: LruMap<Timed<AccountAddressState>>;
  private readonly accounts: LruMap<Timed<Timestamps>>;
  private readonly addresses: LruMap<Timed<AddressState>>;

  constructor(limits: ThrottleLimits, capacity = MAX_THROTTLE_ENTRIES) {
    this.limits = limits;
    this.pairs = new LruMap(capacity);
    this.accounts = new LruMap(capacity);
    this.addresses = new LruMap(capacity);
  }

  /** Entries remembered, of all three kinds. */
  get size(): number {
    return this.pairs.size + this.accounts.size + this.addresses.size;
  }

  /**
   * Decides about one attempt. An allowed one MUST be settled by exactly one of `succeeded`, `failed` and `cancelled`;
   * a refused one is not recorded, so that a client that keeps asking does not lengthen its own wait.
   */
  attempt(account: string, address: string, now: number): ThrottleDecision {
    this.sweep(now);
    const { limits } = this;
    const tried = checkAddress(limits, this.addresses.get(address)?.state, now);
    if (!tried.decision.allowed) return tried.decision;
    if (limits.failures > 0) {
      const key = pairKey(account, address);
      const failures = this.accounts.get(account)?.state ?? [];
      const { decision, pair } = checkAccountAddress(limits, this.pairs.get(key)?.state, failures, now);
      this.pairs.set(key, { state: pair, touchedAt: now });
      if (!decision.allowed) return decision;
    }
    if (limits.attemptsPerMinute > 0) this.addresses.set(address, { state: tried.state, touchedAt: now });
    return ALLOWED;
  }

  /** The password was right: this address's failures with this account are forgotten. */
  succeeded(account: string, address: string): void {
    this.pairs.delete(pairKey(account, address));
    this.settle(address);
  }

  /** The password was wrong, or the account does not exist; clients must not be able to tell which. */
  failed(account: string, address: string, now: number): void {
    const { limits } = this;
    this.settle(address, now);
    if (limits.failures === 0) return;
    const key = pairKey(account, address);
    const pair = recordFailure(limits, this.pairs.get(key)?.state, now);
    this.pairs.set(key, { state: pair, touchedAt: now });
    const failed = recordAccountFailure(limits, this.accounts.get(account)?.state ?? [], now);
    this.accounts.set(account, { state: failed, touchedAt: now });
  }

  /** The password was never compared (the queue was full, or the store unavailable): the attempt does not count. */
  cancelled(account: string, address: string): void {
    const pair = this.pairs.get(pairKey(account, address));
    if (pair !== undefined) pair.state = cancelAttempt(pair.state);
    this.settle(address);
  }

  private settle(address: string, failedAt?: number): void {
    const known = this.addresses.get(address);
    if (known !== undefined) known.state = settleAddress(known.state, failedAt);
  }

  private sweep(now: number): void {
    const { window } = this.limits;
    this.addresses.sweep(({ touchedAt }) => touchedAt <= now - ADDRESS_TTL_MS);
    this.accounts.sweep(({ touchedAt }) => touchedAt <= now - window);
    this.pairs.sweep(({ touchedAt }) => touchedAt <= now - accountAddressTtl(this.limits));
  }
}

interface Timed<State> {
  state: State;
  readonly touchedAt: number;
}

/**
 * Identifiers contain no space, so that no two pairs share a key; for a text that is no identifier a clash is harmless.
 */
function pairKey(account: string, address: string): string {
  return `${address} ${account}`;
}
