// Who may still come in: the counts behind W1, W4 and W5. A limit of 0 is switched off. Loopback addresses are free of
// the limits by address: behind them are this machine's own programs, or a proxy that is not told to us.

import { Counts } from "./counts.ts";

export interface AdmissionLimits {
  /** Connections in all. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly handshakesPerMinute: number;
}

/** Sockets without a credential may be one in a hundred: they cost an attacker nothing (W4). */
const ANONYMOUS_SHARE = 0.01;
const MINUTE = 60_000;

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
  /** Until when an address has used up its handshakes (GCRA: a minute's worth may come at once, then one at a time). */
  private readonly handshakes = new Map<string, number>();

  constructor(private readonly limits: AdmissionLimits) {}

  /** Open sockets, the ones not signed in included. */
  get open(): number {
    return this.total;
  }

  /** Lets a handshake in, and counts it, or says why not and when (milliseconds) it is worth another try. */
  enter(entry: Entry, now: number): DoorVerdict {
    const { connections, connectionsPerAddress } = this.limits;
    if (connections > 0 && this.total >= connections) return refuse("unavailable", 5_000);
    const anonymousLimit = Math.max(1, Math.floor(connections * ANONYMOUS_SHARE));
    if (entry.anonymous && connections > 0 && this.anonymous >= anonymousLimit)
      return refuse("unavailable", 5_000);
    if (!entry.loopback) {
      const wait = this.handshakeWait(entry.address, now);
      if (wait > 0) return refuse("too_many_handshakes", wait);
      if (connectionsPerAddress > 0 && this.byAddress.of(entry.address) >= connectionsPerAddress)
        return refuse("too_many_handshakes", 5_000);
      this.byAddress.add(entry.address);
    }
    this.total++;
    if (entry.anonymous) this.anonymous++;
    return { admitted: true };
  }

  /** A socket showed who it belongs to: it no longer counts as anonymous. */
  identified(): void {
    this.anonymous--;
  }

  /** Takes a socket out of the counts; `anonymous` as it is now. */
  leave(entry: Entry): void {
    this.total--;
    if (entry.anonymous) this.anonymous--;
    if (!entry.loopback) this.byAddress.drop(entry.address);
  }

  /** Forgets addresses that have not used up anything. */
  sweep(now: number): void {
    for (const [address, until] of this.handshakes) if (until <= now) this.handshakes.delete(address);
  }

  private handshakeWait(address: string, now: number): number {
    const { handshakesPerMinute: limit } = this.limits;
    if (limit === 0) return 0;
    const until = Math.max(now, this.handshakes.get(address) ?? now) + MINUTE / limit;
    if (until - now > MINUTE) return until - now - MINUTE;
    this.handshakes.set(address, until);
    return 0;
  }
}

function refuse(code: "unavailable" | "too_many_handshakes", retryAfter: number): DoorVerdict {
  return { admitted: false, code, retryAfter };
}
