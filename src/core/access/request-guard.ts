// The guard against floods over HTTP (M2): a token bucket for each user, API key and address. A request that takes the
// bucket below 0 waits until the bucket would be back at 0.
//
//      +size ─┐ requests pass at once
//          0 ┼ requests wait, at most MAX_DELAY_MS
//    −5·rate ┴ requests are refused, with a `Retry-After`
//
// A client that sends one request at a time is slowed down to the rate and never refused. A client that sends hundreds
// at once is refused. A socket that floods is closed instead (flood-guard.ts), since a late reply does not slow it down.

import { LruMap } from "../collections/lru-map.ts";
import { type BurstRule, refilledLevel, type TokenBucket } from "../session/flood-guard.ts";

/** Longest wait of a request, in milliseconds: clients and proxies give up after some ten seconds. */
export const MAX_DELAY_MS = 5_000;

/** The most requests that wait at a time, over all clients. Each holds a connection and up to 64 KiB of its body. */
export const MAX_DELAYED_REQUESTS = 1_000;

/**
 * The most names that are kept, each at most 130 bytes. The least recently used name is dropped first; by then its bucket
 * is usually full again.
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

/** The factor by which the rate and size of one user are multiplied. */
const SHARES = { user: 1, address: 5, key: 50 } as const;

/** `wait` and `retryAfter` are in milliseconds. After a `wait` above 0 the caller MUST call `release`. */
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

  /** Records that the wait of one request is over. */
  release(): void {
    this.waiting--;
  }
}
