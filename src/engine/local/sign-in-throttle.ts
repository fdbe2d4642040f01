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

/** Limits the sign-in attempts on one node. Times are in milliseconds and MUST NOT decrease from call to call. */
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

  /** The number of remembered addresses, accounts, and pairs of both. */
  get size(): number {
    return this.pairs.size + this.accounts.size + this.addresses.size;
  }

  /**
   * Decides about one attempt. The caller MUST settle an allowed attempt by exactly one of `succeeded`, `failed` and
   * `cancelled`. A refused attempt is not recorded, so a client that keeps trying does not make its own wait longer.
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

  /** Settles an attempt with the right password: removes the recorded failures of this address with this account. */
  succeeded(account: string, address: string): void {
    this.pairs.delete(pairKey(account, address));
    this.settle(address);
  }

  /** Settles an attempt with a wrong password or an unknown account. Clients must not learn which of the two it was. */
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

  /**
   * Settles an attempt whose password was not compared, because the queue was full or the store unavailable. The attempt
   * does not count.
   */
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
 * Identifiers contain no space, so two pairs of identifiers never share a key. Submitted texts that are not identifiers
 * can share one, which does no harm: there is no account with such a name.
 */
function pairKey(account: string, address: string): string {
  return `${address} ${account}`;
}
