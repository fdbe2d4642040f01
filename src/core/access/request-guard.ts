// The guard against floods over HTTP (M2): a token bucket for each user, API key and address, whose debt is waited for.
//
//      +size ─┐ requests pass at once
//          0 ┼ requests wait for their turn, at most MAX_DELAY_MS
//    −5·rate ┴ requests are refused, and told when to come back
//
// A client that sends one request after the other is slowed down to the rate and never refused; one that sends hundreds
// at once is. A socket that floods is closed instead (flood-guard.ts), since a late reply does not slow it down.

import { LruMap } from "../collections/lru-map.ts";
import { type BurstRule, refilledLevel, type TokenBucket } from "../session/flood-guard.ts";

/** Longest wait of a request, in milliseconds: clients and proxies give up after some ten seconds. */
export const MAX_DELAY_MS = 5_000;

/** Requests that wait at a time, of all: each holds a connection and up to 64 KiB of its body. */
export const MAX_DELAYED_REQUESTS = 1_000;

/**
 * Names remembered; each is at most 130 bytes. The least recently used one is forgotten first, and its bucket was full.
 */
const MAX_REQUESTERS = 50_000;

/** The party that a request counts for. */
export interface Requester {
  /**
   * A program with an API key speaks for all users of an application; behind an address there may be a household or an
   * office, none of whom has shown a credential yet.
   */
  readonly kind: "user" | "key" | "address";
  /** MUST be bounded in length. */
  readonly name: string;
}

/** How many times the rate and size of one user. */
const SHARES = { user: 1, address: 5, key: 50 } as const;

/** `wait` and `retryAfter` are in milliseconds. A request that is to wait MUST be settled by `waited`. */
export type RequestVerdict =
  | { readonly allowed: true; readonly wait: number }
  | { readonly allowed: false; readonly retryAfter: number };

type RequestBucket = Pick<TokenBucket, "level" | "updatedAt">;

/** The buckets of one node. Times are in milliseconds and MUST NOT run backwards. */
export class RequestGuard {
  private readonly buckets: LruMap<RequestBucket>;
  private waiting = 0;

  constructor(
    /** The limits of one user. A rate of 0 switches the guard off. */
    private readonly rule: BurstRule,
    capacity = MAX_REQUESTERS,
  ) {
    this.buckets = new LruMap(capacity);
  }

  /** Counts one request, or refuses it; a refused one is not counted. */
  acquire({ kind, name }: Requester, now: number): RequestVerdict {
    if (this.rule.rate === 0) return { allowed: true, wait: 0 };
    const rule = { rate: this.rule.rate * SHARES[kind], size: this.rule.size * SHARES[kind] };
    const key = `${kind} ${name}`;
    const bucket = this.buckets.get(key);
    const level = (bucket === undefined ? rule.size : refilledLevel(bucket, rule, now)) - 1;
    const wait = level >= 0 ? 0 : Math.ceil((-level / rule.rate) * 1000);
    if (wait > MAX_DELAY_MS) return { allowed: false, retryAfter: wait - MAX_DELAY_MS };
    if (wait > 0 && this.waiting >= MAX_DELAYED_REQUESTS) return { allowed: false, retryAfter: wait };
    if (wait > 0) this.waiting++;
    this.buckets.set(key, { level, updatedAt: now });
    return { allowed: true, wait };
  }

  /** A request that had to wait has done so. */
  release(): void {
    this.waiting--;
  }
}
