/** A user who types and sends nothing more counts as typing for this long, in milliseconds. */
export const TYPING_TIMEOUT_MS = 6_000;

/** Members receive one user's typing at most this often, in milliseconds. */
export const TYPING_INTERVAL_MS = 1_000;

/**
 * Other nodes receive at most this often that a user still types, in milliseconds: often enough that it does not expire
 * there.
 */
const TYPING_REFRESH_MS = TYPING_TIMEOUT_MS / 2;

interface Typist {
  active: boolean;
  /** When `active` expires. */
  until: number;
  /** The last state sent to members, and its time. */
  announced: boolean;
  announcedAt: number;
  /** The last state sent to other nodes, and its time. */
  relayed: boolean;
  relayedAt: number;
}

/** A change to send to members. */
export interface TypingChange {
  readonly user: string;
  readonly active: boolean;
}

/**
 * The typing users of one conversation: typing expires, and changes are sent to members at a limited rate. Times in
 * milliseconds.
 */
export class TypingTracker {
  private readonly typists = new Map<string, Typist>();

  /** A user of this node starts or stops typing; returns whether the other nodes have to receive it. */
  recordOwn(user: string, active: boolean, now: number): boolean {
    const wasRelayed = this.typists.get(user)?.relayed ?? false;
    this.set(user, active, now);
    const typist = this.typists.get(user);
    if (!active || typist === undefined) return wasRelayed;
    if (now < typist.relayedAt + (wasRelayed ? TYPING_REFRESH_MS : TYPING_INTERVAL_MS)) return false;
    typist.relayed = true;
    typist.relayedAt = now;
    return true;
  }

  /** Typing from another source: from another node, or ended by the user's message. */
  set(user: string, active: boolean, now: number): void {
    const typist = this.typists.get(user);
    if (typist !== undefined) {
      typist.active = active;
      if (!active) typist.relayed = false;
      typist.until = now + TYPING_TIMEOUT_MS;
    } else if (active) {
      this.typists.set(user, {
        active,
        until: now + TYPING_TIMEOUT_MS,
        announced: false,
        announcedAt: Number.NEGATIVE_INFINITY,
        relayed: false,
        relayedAt: Number.NEGATIVE_INFINITY,
      });
    }
  }

  /**
   * The changes to send to members now. If the state changed back within the interval, only the current state is sent.
   */
  takeChanges(now: number): TypingChange[] {
    const changes: TypingChange[] = [];
    for (const [user, typist] of this.typists) {
      if (now >= typist.until) typist.active = false;
      const canAnnounce = now >= typist.announcedAt + TYPING_INTERVAL_MS;
      if (typist.active !== typist.announced && canAnnounce) {
        typist.announced = typist.active;
        typist.announcedAt = now;
        changes.push({ user, active: typist.active });
      } else if (!typist.active && !typist.announced && canAnnounce) this.typists.delete(user);
    }
    return changes;
  }

  /** Whether time may bring a change. */
  get hasTypists(): boolean {
    return this.typists.size > 0;
  }
}
