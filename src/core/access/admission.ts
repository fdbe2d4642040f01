// Whether another connection may come in: the counts behind W1, W4 and W5. A limit of 0 is switched off. Loopback addresses
// are free of the limits by address: behind them are this machine's own programs, or a proxy that the settings do not name.

import { dueAfter, type Rate, waitTime } from "../../protocol/gcra.ts";
import { Counter } from "../collections/counter.ts";
import { LruMap } from "../collections/lru-map.ts";

/** Open files and connections other than sockets: the store's, Redis, the log, and requests over HTTP. */
const RESERVED_FILE_DESCRIPTORS = 200;

/**
 * How many connections a process that may have `openFiles` open can hold, at most `wanted` (0: without limit). When files run out
 * nobody is answered, not even a health check, and the runtime tries again and again to take the next line in (RT-20):
 * it is better to refuse in words before.
 */
export function connectionsWithin(openFiles: number, configured: number): number {
  const room = openFiles - Math.min(RESERVED_FILE_DESCRIPTORS, Math.ceil(openFiles / 4));
  return configured === 0 ? room : Math.min(configured, room);
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
const MAX_FAILED_PER_MINUTE = 60;

const MINUTE_MS = 60_000;

/** When to try again where a connection of the address must end first, in milliseconds. */
const FULL_RETRY_MS = 5_000;

/** When to try again where only a credential is waited for, in milliseconds. */
const ANONYMOUS_RETRY_MS = 1_000;

export type AdmissionDecision =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      readonly code: "unavailable" | "too_many_handshakes";
      readonly retryAfter: number;
    };

/** The counts that one open socket is part of. */
export interface SocketEntry {
  readonly address: string;
  readonly loopback: boolean;
  readonly anonymous: boolean;
}

/** Counts of open sockets on this node. Times are in milliseconds. */
export class Admission {
  private total = 0;
  private anonymous = 0;
  private readonly byAddress = new Counter();
  private readonly anonymousByAddress = new Counter();
  private readonly handshakes: PerMinuteLimiter;
  private readonly failures: PerMinuteLimiter;

  constructor(private readonly limits: AdmissionLimits) {
    const { handshakesPerMinute } = limits;
    this.handshakes = new PerMinuteLimiter(handshakesPerMinute);
    this.failures = new PerMinuteLimiter(Math.min(handshakesPerMinute, MAX_FAILED_PER_MINUTE));
  }

  /** Open sockets, the ones not signed in included. */
  get openConnections(): number {
    return this.total;
  }

  /** Admits and counts a handshake, or returns the reason and the time (milliseconds) after which to retry. */
  tryAdmit(entry: SocketEntry, now: number): AdmissionDecision {
    const { connections } = this.limits;
    if (connections > 0 && this.total >= connections) return refuse("unavailable", FULL_RETRY_MS);
    const anonymousLimit = Math.max(1, Math.floor(connections * ANONYMOUS_SHARE));
    if (entry.anonymous && connections > 0 && this.anonymous >= anonymousLimit)
      return refuse("unavailable", FULL_RETRY_MS);
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

  /** A socket that came without a credential has authenticated; from now on its entry is not anonymous. */
  authenticated({ address, loopback }: SocketEntry): void {
    this.anonymous--;
    if (!loopback) this.anonymousByAddress.remove(address);
  }

  /** A socket ended without having authenticated; `leave` follows. */
  failed({ address, loopback }: SocketEntry, now: number): void {
    if (!loopback) this.failures.add(address, now);
  }

  /** Takes a socket out of the counts; `anonymous` as it is now. */
  release(entry: SocketEntry): void {
    this.total--;
    if (entry.anonymous) this.anonymous--;
    if (entry.loopback) return;
    this.byAddress.remove(entry.address);
    if (entry.anonymous) this.anonymousByAddress.remove(entry.address);
  }

  /** Forgets addresses that have not used up anything. */
  sweep(now: number): void {
    this.handshakes.sweep(now);
    this.failures.sweep(now);
  }

  /** How long an address has to wait for its next handshake. */
  private waitOf({ address, anonymous }: SocketEntry, now: number): number {
    const { connectionsPerAddress: limit } = this.limits;
    const wait = Math.max(this.handshakes.wait(address, now), this.failures.wait(address, now));
    if (wait > 0 || limit === 0) return wait;
    if (this.byAddress.of(address) >= limit) return FULL_RETRY_MS;
    const unknown = anonymous ? this.anonymousByAddress.of(address) : 0;
    return unknown >= Math.min(limit, ANONYMOUS_PER_ADDRESS) ? ANONYMOUS_RETRY_MS : 0;
  }
}

/** Addresses remembered; an attacker with a network of IPv6 can come from millions within a minute (B1). */
const MAX_REMEMBERED_ADDRESSES = 50_000;

/** Recent activity of each address: a minute's worth of `limit` may come at once, then one at a time; 0 is no limit. */
class PerMinuteLimiter {
  /** By address, the state of gcra.ts. */
  private readonly due = new LruMap<number>(MAX_REMEMBERED_ADDRESSES);
  private readonly rate: Rate;

  constructor(limit: number) {
    this.rate = { intervalMs: limit === 0 ? 0 : MINUTE_MS / limit, burst: limit };
  }

  /** Returns how long until one more is allowed, in milliseconds. */
  wait(address: string, now: number): number {
    if (this.rate.burst === 0) return 0;
    return waitTime(this.due.get(address) ?? now, this.rate, now);
  }

  /** Counts one; attempts beyond the limit do not make the next wait longer. */
  add(address: string, now: number): void {
    if (this.rate.burst === 0) return;
    const due = dueAfter(this.due.get(address) ?? now, this.rate, now);
    this.due.set(address, Math.min(due, now + MINUTE_MS + this.rate.intervalMs));
  }

  /** Forgets the addresses that have their whole allowance. */
  sweep(now: number): void {
    for (const address of this.due.keys()) if (this.due.get(address)! <= now) this.due.delete(address);
  }
}

function refuse(code: "unavailable" | "too_many_handshakes", retryAfter: number): AdmissionDecision {
  return { admitted: false, code, retryAfter };
}
