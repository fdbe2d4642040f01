// Decides whether another connection is admitted: the limits of W1, W4 and W5. A limit of 0 is switched off. The limits by
// address do not apply to loopback addresses: these belong to programs on this machine, or to a proxy that the settings do
// not name and behind which all clients have one address.

import { dueAfter, type Rate, waitTime } from "../../protocol/gcra.ts";
import { Counter } from "../collections/counter.ts";
import { LruMap } from "../collections/lru-map.ts";

/** Open files and connections other than sockets: the store's, Redis, the log, and requests over HTTP. */
const RESERVED_FILE_DESCRIPTORS = 200;

/**
 * Returns how many connections a process with the limit of `openFiles` open files can hold, at most `configured` (0: no
 * limit). Without a free file descriptor the server can reply to no client, not even to a health check, and the runtime
 * retries `accept` in a busy loop (RT-20). So the server refuses connections with a reason before that.
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

/** The share of all connections that may be without a credential: an attacker can open these without an account (W4). */
const ANONYMOUS_SHARE = 0.01;

/** The most connections of one address without a credential. A client sends it in its first frame, within a round trip. */
const ANONYMOUS_PER_ADDRESS = 50;

/**
 * The most handshakes of an address in a minute that fail for lack of a valid credential. An attacker without an account can
 * only make such. The other limits are higher, for a whole office behind one address that reconnects at once.
 */
const MAX_FAILED_PER_MINUTE = 60;

const MINUTE_MS = 60_000;

/** When to retry if a connection of the address must end first, in milliseconds. */
const FULL_RETRY_MS = 5_000;

/** When to retry if other connections of the address must authenticate first, in milliseconds. */
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

  /** The number of open sockets, with those that have not authenticated. */
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

  /** A socket ended without having authenticated; `release` follows. */
  failed({ address, loopback }: SocketEntry, now: number): void {
    if (!loopback) this.failures.add(address, now);
  }

  /** Removes a socket from the counts. `entry.anonymous` MUST be its present state. */
  release(entry: SocketEntry): void {
    this.total--;
    if (entry.anonymous) this.anonymous--;
    if (entry.loopback) return;
    this.byAddress.remove(entry.address);
    if (entry.anonymous) this.anonymousByAddress.remove(entry.address);
  }

  /** Drops addresses that have their whole allowance again. */
  sweep(now: number): void {
    this.handshakes.sweep(now);
    this.failures.sweep(now);
  }

  /** Returns how long an address has to wait for its next handshake, in milliseconds. */
  private waitOf({ address, anonymous }: SocketEntry, now: number): number {
    const { connectionsPerAddress: limit } = this.limits;
    const wait = Math.max(this.handshakes.wait(address, now), this.failures.wait(address, now));
    if (wait > 0 || limit === 0) return wait;
    if (this.byAddress.of(address) >= limit) return FULL_RETRY_MS;
    const unknown = anonymous ? this.anonymousByAddress.of(address) : 0;
    return unknown >= Math.min(limit, ANONYMOUS_PER_ADDRESS) ? ANONYMOUS_RETRY_MS : 0;
  }
}

/** The most addresses that are kept. An attacker with an IPv6 network can use millions of addresses within a minute (B1). */
const MAX_REMEMBERED_ADDRESSES = 50_000;

/** Limits events by address: `limit` at once, and then one every 1/`limit` of a minute; 0 is no limit. */
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
    const due = dueAfter(this.due.get(address) ?? now, this.rate.intervalMs, now);
    this.due.set(address, Math.min(due, now + MINUTE_MS + this.rate.intervalMs));
  }

  /** Drops addresses that have their whole allowance again. */
  sweep(now: number): void {
    for (const address of this.due.keys()) if (this.due.get(address)! <= now) this.due.delete(address);
  }
}

function refuse(code: "unavailable" | "too_many_handshakes", retryAfter: number): AdmissionDecision {
  return { admitted: false, code, retryAfter };
}
