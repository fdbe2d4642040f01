// Who may still come in: the counts behind W1, W4 and W5. A limit of 0 is switched off. Loopback addresses are free of
// the limits by address: behind them are this machine's own programs, or a proxy that is not told to us.

import { Counts } from "./counts.ts";
import { RecencyMap } from "./recency-map.ts";

/** Files and lines beside sockets: the store's, Redis, the log, and requests over HTTP. */
const RESERVED_FILES = 200;

/**
 * How many connections a process that may have `openFiles` open can hold, at most `wanted` (0: without limit). When files run out
 * nobody is answered, not even a health check, and the runtime tries again and again to take the next line in (RUNTIME 20):
 * it is better to refuse in words before.
 */
export function connectionsWithin(openFiles: number, wanted: number): number {
  const room = openFiles - Math.min(RESERVED_FILES, Math.ceil(openFiles / 4));
  return wanted === 0 ? room : Math.min(wanted, room);
}

export interface AdmissionLimits {
  /** Connections in all. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly handshakesPerMinute: number;
}

/** Sockets without a credential may be one in a hundred: they cost an attacker nothing (W4). */
const ANONYMOUS_SHARE = 0.01;

/** Most of an address's connections that may be without a credential: a first frame brings it within a round trip. */
const ANONYMOUS_PER_ADDRESS = 50;

/**
 * Most handshakes of an address in a minute that come to nothing, because no good credential is shown. They are what
 * somebody without an account can make; the other limits leave room for a whole office that comes back at once.
 */
const FAILED_PER_MINUTE = 60;

const MINUTE = 60_000;

/** When to try again where a connection of the address must end first, in milliseconds. */
const FULL_WAIT = 5_000;

/** When to try again where only a credential is waited for, in milliseconds. */
const ANONYMOUS_WAIT = 1_000;

export type DoorVerdict =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      readonly code: "unavailable" | "too_many_handshakes";
      readonly retryAfter: number;
    };

/** What is counted about one socket while it is open. */
export interface Entry {
  readonly address: string;
  readonly loopback: boolean;
  readonly anonymous: boolean;
}

/** Counts of open sockets on this node. Times are in milliseconds. */
export class Admission {
  private total = 0;
  private anonymous = 0;
  private readonly byAddress = new Counts();
  private readonly anonymousByAddress = new Counts();
  private readonly handshakes: MinuteCounts;
  private readonly failures: MinuteCounts;

  constructor(private readonly limits: AdmissionLimits) {
    const { handshakesPerMinute } = limits;
    this.handshakes = new MinuteCounts(handshakesPerMinute);
    this.failures = new MinuteCounts(Math.min(handshakesPerMinute, FAILED_PER_MINUTE));
  }

  /** Open sockets, the ones not signed in included. */
  get open(): number {
    return this.total;
  }

  /** Lets a handshake in, and counts it, or says why not and when (milliseconds) it is worth another try. */
  enter(entry: Entry, now: number): DoorVerdict {
    const { connections } = this.limits;
    if (connections > 0 && this.total >= connections) return refuse("unavailable", FULL_WAIT);
    const anonymousLimit = Math.max(1, Math.floor(connections * ANONYMOUS_SHARE));
    if (entry.anonymous && connections > 0 && this.anonymous >= anonymousLimit)
      return refuse("unavailable", FULL_WAIT);
    if (!entry.loopback) {
      const wait = this.waitOf(entry, now);
      if (wait > 0) return refuse("too_many_handshakes", wait);
      this.handshakes.add(entry.address, now);
      this.byAddress.add(entry.address);
      if (entry.anonymous) this.anonymousByAddress.add(entry.address);
    }
    this.total++;
    if (entry.anonymous) this.anonymous++;
    return { admitted: true };
  }

  /** A socket that came without a credential showed who it belongs to; from now on its entry is not anonymous. */
  identified({ address, loopback }: Entry): void {
    this.anonymous--;
    if (!loopback) this.anonymousByAddress.drop(address);
  }

  /** A socket ended of which it was never known who it belongs to; `leave` follows. */
  failed({ address, loopback }: Entry, now: number): void {
    if (!loopback) this.failures.add(address, now);
  }

  /** Takes a socket out of the counts; `anonymous` as it is now. */
  leave(entry: Entry): void {
    this.total--;
    if (entry.anonymous) this.anonymous--;
    if (entry.loopback) return;
    this.byAddress.drop(entry.address);
    if (entry.anonymous) this.anonymousByAddress.drop(entry.address);
  }

  /** Forgets addresses that have not used up anything. */
  sweep(now: number): void {
    this.handshakes.sweep(now);
    this.failures.sweep(now);
  }

  /** How long an address has to wait for its next handshake. */
  private waitOf({ address, anonymous }: Entry, now: number): number {
    const { connectionsPerAddress: limit } = this.limits;
    const wait = Math.max(this.handshakes.wait(address, now), this.failures.wait(address, now));
    if (wait > 0 || limit === 0) return wait;
    if (this.byAddress.of(address) >= limit) return FULL_WAIT;
    const unknown = anonymous ? this.anonymousByAddress.of(address) : 0;
    return unknown >= Math.min(limit, ANONYMOUS_PER_ADDRESS) ? ANONYMOUS_WAIT : 0;
  }
}

/** Addresses remembered; whoever has a network of IPv6 can come from millions within a minute (B1). */
const REMEMBERED_ADDRESSES = 50_000;

/** What each address has done lately (GCRA): a minute's worth of `limit` may come at once, then one at a time; 0 is any number. */
class MinuteCounts {
  /** Until when an address has used up what it may do. */
  private readonly usedUntil = new RecencyMap<number>(REMEMBERED_ADDRESSES);

  constructor(private readonly limit: number) {}

  /** How long until one more is allowed. */
  wait(address: string, now: number): number {
    if (this.limit === 0) return 0;
    const until = this.usedUntil.get(address) ?? now;
    return Math.max(0, Math.max(now, until) + MINUTE / this.limit - now - MINUTE);
  }

  /** Counts one; what is beyond the limit makes nobody wait longer. */
  add(address: string, now: number): void {
    if (this.limit === 0) return;
    const each = MINUTE / this.limit;
    const until = Math.max(now, this.usedUntil.get(address) ?? now) + each;
    this.usedUntil.set(address, Math.min(until, now + MINUTE + each));
  }

  sweep(now: number): void {
    for (const address of this.usedUntil.keys())
      if (this.usedUntil.get(address)! <= now) this.usedUntil.delete(address);
  }
}

function refuse(code: "unavailable" | "too_many_handshakes", retryAfter: number): DoorVerdict {
  return { admitted: false, code, retryAfter };
}
