/** A user who types and says nothing more of it counts as typing for this long, in milliseconds. */
export const TYPING_LAPSE = 6_000;

/** Readers hear of one user's typing at most this often, in milliseconds. */
export const TYPING_INTERVAL = 1_000;

/** Other nodes hear at most this often that a user is typing still, in milliseconds: often enough that it does not lapse there. */
const TYPING_REFRESH = TYPING_LAPSE / 2;

interface Typist {
  active: boolean;
  /** When `active` lapses by itself. */
  until: number;
  /** What readers were told last, and when. */
  told: boolean;
  toldAt: number;
  /** What other nodes were told last, and when that the user types. */
  passed: boolean;
  passedAt: number;
}

/** A change that readers should hear of. */
export interface TypingChange {
  readonly user: string;
  readonly active: boolean;
}

/** Who types in one conversation: it lapses by itself, and readers are told of changes, thinned. Times in milliseconds. */
export class TypingBoard {
  private readonly typists = new Map<string, Typist>();

  /** A user of this node says that they type, or stopped; answers whether the other nodes should hear it. */
  type(user: string, active: boolean, now: number): boolean {
    const wasPassed = this.typists.get(user)?.passed ?? false;
    this.set(user, active, now);
    const typist = this.typists.get(user);
    if (!active || typist === undefined) return wasPassed;
    if (now < typist.passedAt + (wasPassed ? TYPING_REFRESH : TYPING_INTERVAL)) return false;
    typist.passed = true;
    typist.passedAt = now;
    return true;
  }

  /** It is known from elsewhere that `user` types, or stopped: from another node, or because they have said it. */
  set(user: string, active: boolean, now: number): void {
    const typist = this.typists.get(user);
    if (typist !== undefined) {
      typist.active = active;
      if (!active) typist.passed = false;
      typist.until = now + TYPING_LAPSE;
    } else if (active) {
      this.typists.set(user, {
        active,
        until: now + TYPING_LAPSE,
        told: false,
        toldAt: Number.NEGATIVE_INFINITY,
        passed: false,
        passedAt: Number.NEGATIVE_INFINITY,
      });
    }
  }

  /** What readers should hear now. What changes faster than they are told is told as it stands then. */
  changes(now: number): TypingChange[] {
    const changes: TypingChange[] = [];
    for (const [user, typist] of this.typists) {
      if (now >= typist.until) typist.active = false;
      const mayTell = now >= typist.toldAt + TYPING_INTERVAL;
      if (typist.active !== typist.told && mayTell) {
        typist.told = typist.active;
        typist.toldAt = now;
        changes.push({ user, active: typist.active });
      } else if (!typist.active && !typist.told && mayTell) this.typists.delete(user);
    }
    return changes;
  }

  /** Whether time may bring a change. */
  get waits(): boolean {
    return this.typists.size > 0;
  }
}
