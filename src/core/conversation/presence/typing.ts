/** A user who types and sends nothing more counts as typing for this long, in milliseconds. */
export const TYPING_TIMEOUT_MS = 6_000;

/** Members receive one user's typing at most this often, in milliseconds. */
export const TYPING_INTERVAL_MS = 1_000;

/**
 * Other nodes receive at most this often that a user still types, in milliseconds: often enough that it does not expire
 * there.
 */
const TYPING_REFRESH_MS = TYPING_TIMEOUT_MS / 2;

/** In a large conversation at most so many users are shown typing (LR3) … */
export const MAX_TYPISTS_SHOWN = 5;

/** … and members receive at most so many changes within TYPING_INTERVAL_MS, so that a quiet conversation sends little (LR4). */
export const MAX_TYPING_CHANGES = 2;

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
 * The typing users of one conversation: typing expires, and changes are sent to members at a limited rate. In a large
 * conversation it tracks MAX_TYPISTS_SHOWN users and ignores others, who are shown by a later `typing` frame of theirs when
 * one of the first has stopped. Times in milliseconds.
 */
export class TypingTracker {
  private readonly typists = new Map<string, Typist>();
  /** When the latest changes were sent, in a large conversation. */
  private sentAt: readonly number[] = [];

  /** A user of this node starts or stops typing; returns whether the other nodes have to receive it. */
  recordOwn(user: string, active: boolean, now: number, isLarge = false): boolean {
    const wasRelayed = this.typists.get(user)?.relayed ?? false;
    this.set(user, active, now, isLarge);
    const typist = this.typists.get(user);
    if (!active || typist === undefined) return wasRelayed;
    if (now < typist.relayedAt + (wasRelayed ? TYPING_REFRESH_MS : TYPING_INTERVAL_MS)) return false;
    typist.relayed = true;
    typist.relayedAt = now;
    return true;
  }

  /** Typing from another source: from another node, or ended by the user's message. */
  set(user: string, active: boolean, now: number, isLarge = false): void {
    const typist = this.typists.get(user);
    if (typist !== undefined) {
      typist.active = active;
      if (!active) typist.relayed = false;
      typist.until = now + TYPING_TIMEOUT_MS;
    } else if (active && !(isLarge && this.typists.size >= MAX_TYPISTS_SHOWN)) {
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
   * A user has left the conversation and does not type any more; returns whether members MUST be sent that at once, before
   * the leave. In a large conversation they are not sent each leave, and the end of typing comes with `takeChanges` (LR4).
   */
  leave(user: string, now: number, isLarge = false): boolean {
    if (isLarge) {
      this.set(user, false, now, isLarge);
      return false;
    }
    const isShown = this.typists.get(user)?.announced === true;
    this.typists.delete(user);
    return isShown;
  }

  /**
   * The changes to send to members now. If the state changed back within the interval, only the current state is sent.
   */
  takeChanges(now: number, isLarge = false): TypingChange[] {
    const surplus = isLarge ? this.takeSurplus() : [];
    const due: [string, Typist][] = [];
    for (const [user, typist] of this.typists) {
      if (now >= typist.until) typist.active = false;
      if (now < typist.announcedAt + TYPING_INTERVAL_MS) continue;
      if (typist.active !== typist.announced) due.push([user, typist]);
      else if (!typist.active) this.typists.delete(user);
    }
    const changes = (isLarge ? this.limit(due, now) : due).map(([user, typist]) => {
      typist.announced = typist.active;
      typist.announcedAt = now;
      return { user, active: typist.active };
    });
    return [...surplus, ...changes];
  }

  /** The conversation has become large: removes users beyond MAX_TYPISTS_SHOWN, and returns the ends of those who are shown. */
  private takeSurplus(): TypingChange[] {
    if (this.typists.size <= MAX_TYPISTS_SHOWN) return [];
    const shownFirst = [...this.typists].sort(
      ([, one], [, other]) => Number(other.announced) - Number(one.announced),
    );
    const surplus = shownFirst.slice(MAX_TYPISTS_SHOWN);
    for (const [user] of surplus) this.typists.delete(user);
    return surplus.filter(([, { announced }]) => announced).map(([user]) => ({ user, active: false }));
  }

  /** Returns those of the due changes that may be sent now in a large conversation; ends come first, because they make room. */
  private limit(due: readonly [string, Typist][], now: number): readonly [string, Typist][] {
    this.sentAt = this.sentAt.filter((at) => now < at + TYPING_INTERVAL_MS);
    const [starts, ends] = [due.filter(([, { active }]) => active), due.filter(([, { active }]) => !active)];
    const sent = [...ends, ...starts].slice(0, Math.max(0, MAX_TYPING_CHANGES - this.sentAt.length));
    this.sentAt = [...this.sentAt, ...sent.map(() => now)];
    return sent;
  }

  /** Whether time may bring a change. */
  get hasTypists(): boolean {
    return this.typists.size > 0;
  }
}
