interface RosterEntry {
  readonly user: string;
  connections: number;
  readonly since: number;
  /** How far the user has read; 0 if not at all. */
  read: number;
  /** When the last connection ended, as long as the grace lasts; undefined while the user has a connection. */
  leftAt: number | undefined;
  /** The end of the grace, if `leftAt` is set. */
  graceEndsAt: number;
}

/** A user of this node, since when (milliseconds), and how far the user has read (0: not at all). */
export interface LocalUser {
  readonly user: string;
  readonly since: number;
  readonly read: number;
}

/** The shortest grace of a user whose connection was replaced, in milliseconds: the newer one is being admitted. */
const REPLACED_GRACE_MS = 2_000;

/** From this number of users on, a map holds them. Most rooms are small, and a map would take most of their memory. */
const MAP_FROM_USERS = 16;

/**
 * The users of one conversation on this node (P1). A user with several connections is present once, so others get one
 * `joined` and one `left`. A user who reconnects within `grace` milliseconds stays present, so that a reconnect is not a
 * leave and a join. No operation but `list` takes longer where there are more users.
 */
export class Roster {
  /** In the order in which they came; a map from MAP_FROM_USERS users on. */
  private all: RosterEntry[] | Map<string, RosterEntry> = [];
  /** Users within their grace, in the order in which it ends. Those of replaced connections may have a longer one. */
  private leaving: Set<RosterEntry> | undefined;
  private leavingReplaced: Set<RosterEntry> | undefined;

  constructor(private readonly grace: number) {}

  /** The number of users present; users within their grace still are. */
  get size(): number {
    return isFew(this.all) ? this.all.length : this.all.size;
  }

  /** Adds a connection of `user`, who has read up to `read`; returns whether a join has to be sent to others. */
  join(user: string, now: number, read = 0): boolean {
    const one = this.find(user);
    if (one === undefined) {
      this.add({ user, connections: 1, since: now, read, leftAt: undefined, graceEndsAt: 0 });
      return true;
    }
    if (one.leftAt !== undefined) {
      this.leaving?.delete(one);
      this.leavingReplaced?.delete(one);
    }
    one.leftAt = undefined;
    one.connections++;
    one.read = Math.max(one.read, read);
    return false;
  }

  /**
   * Removes a connection of `user`. After the last one the grace begins; `takeExpired` returns the user when it is over.
   * With `replaced` a newer connection takes the place of this one, so the grace lasts at least REPLACED_GRACE_MS: the
   * replacement must not show as a leave, however short the grace is (W8).
   */
  leave(user: string, now: number, replaced = false): void {
    const one = this.find(user);
    if (one === undefined || --one.connections > 0) return;
    one.leftAt = now;
    one.graceEndsAt = now + (replaced ? Math.max(this.grace, REPLACED_GRACE_MS) : this.grace);
    if (replaced) {
      this.leavingReplaced ??= new Set();
      this.leavingReplaced.add(one);
    } else {
      this.leaving ??= new Set();
      this.leaving.add(one);
    }
  }

  /** Removes all connections of `user`, who has no grace: `takeExpired` returns the user at once. */
  expel(user: string, now: number): void {
    const one = this.find(user);
    if (one === undefined) return;
    one.connections = 0;
    one.leftAt = now;
    one.graceEndsAt = now;
    this.leavingReplaced?.delete(one);
    // The first of the set, in which users are in the order of their ends.
    this.leaving?.delete(one);
    this.leaving = new Set([one, ...(this.leaving ?? [])]);
  }

  /** The users whose grace is over, with the time of their leave; they are not present any more. */
  takeExpired(now: number): { user: string; at: number }[] {
    if (!this.hasPending) return [];
    const gone = [...takeEnded(this.leaving, now), ...takeEnded(this.leavingReplaced, now)];
    for (const one of gone) this.delete(one);
    if (this.leaving?.size === 0) this.leaving = undefined;
    if (this.leavingReplaced?.size === 0) this.leavingReplaced = undefined;
    return gone.map(({ user, leftAt }) => ({ user, at: leftAt! }));
  }

  /** Whether `user` is present; users within their grace still are. */
  has(user: string): boolean {
    return this.find(user) !== undefined;
  }

  /** Returns a user who is present on this node. */
  get(user: string): LocalUser | undefined {
    return this.find(user);
  }

  /** Whether any grace is running. */
  get hasPending(): boolean {
    return this.leaving !== undefined || this.leavingReplaced !== undefined;
  }

  /** The users present, in the order of their joins; users within their grace still are. */
  users(): Iterable<LocalUser> {
    return this.all.values();
  }

  /** Moves a user's read mark forward. Returns whether it moved; undefined if the user is not present here. */
  setReadMark(user: string, seq: number): boolean | undefined {
    const one = this.find(user);
    if (one === undefined) return undefined;
    if (one.read >= seq) return false;
    one.read = seq;
    return true;
  }

  /** Forgets all read marks: the messages that they name are gone. */
  clearReadMarks(): void {
    for (const one of this.all.values()) one.read = 0;
  }

  /** Removes all users at once, also those within their grace. Returns them. */
  clear(): string[] {
    const users = [...this.users()].map(({ user }) => user);
    this.all = [];
    this.leaving = undefined;
    this.leavingReplaced = undefined;
    return users;
  }

  private find(user: string): RosterEntry | undefined {
    return isFew(this.all) ? this.all.find((each) => each.user === user) : this.all.get(user);
  }

  private add(one: RosterEntry): void {
    if (!isFew(this.all)) this.all.set(one.user, one);
    else if (this.all.push(one) === MAP_FROM_USERS)
      this.all = new Map(this.all.map((each) => [each.user, each]));
  }

  private delete(one: RosterEntry): void {
    if (isFew(this.all)) this.all.splice(this.all.indexOf(one), 1);
    else this.all.delete(one.user);
  }
}

function isFew(all: RosterEntry[] | Map<string, RosterEntry>): all is RosterEntry[] {
  return Array.isArray(all);
}

/** Removes those whose grace is over from `leaving`, which is in the order in which they end, and returns them. */
function takeEnded(leaving: Set<RosterEntry> | undefined, now: number): RosterEntry[] {
  const ended: RosterEntry[] = [];
  for (const one of leaving ?? []) {
    if (now < one.graceEndsAt) break;
    ended.push(one);
    leaving!.delete(one);
  }
  return ended;
}
