/** A user who types and says nothing more of it counts as typing for this long, in milliseconds. */
export const TYPING_TIMEOUT_MS = 6_000;

/** Readers hear of one user's typing at most this often, in milliseconds. */
export const TYPING_INTERVAL_MS = 1_000;

/** Other nodes hear at most this often that a user is typing still, in milliseconds: often enough that it does not lapse there. */
const TYPING_REFRESH_MS = TYPING_TIMEOUT_MS / 2;

interface Typist {
  active: boolean;
  /** When `active` lapses by itself. */
  until: number;
  /** What readers were told last, and when. */
  announced: boolean;
  announcedAt: number;
  /** What other nodes were told last, and when that the user types. */
  relayed: boolean;
  relayedAt: number;
}

/** A change that readers should hear of. */
export interface TypingChange {
  readonly user: string;
  readonly active: boolean;
}

/** Who types in one conversation: it lapses by itself, and readers are told of changes, thinned. Times in milliseconds. */
export class TypingTracker {
  private readonly typists = new Map<string, Typist>();

  /** A user of this node says that they type, or stopped; answers whether the other nodes should hear it. */
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

  /** It is known from elsewhere that `user` types, or stopped: from another node, or because they have said it. */
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

  /** What readers should hear now. What changes faster than they are told is told as it stands then. */
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
