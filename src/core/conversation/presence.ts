import type { PresentUser } from "../../protocol/server-frames.ts";

interface RosterEntry {
  readonly user: string;
  connections: number;
  readonly since: number;
  /** When the last connection ended, while the user may still return unnoticed. */
  leftAt: number | undefined;
  /** The end of the grace, if `leftAt` is set. */
  graceEndsAt: number;
}

/** The shortest grace of a user whose connection was replaced, in milliseconds: the newer one is being admitted. */
const REPLACED_GRACE_MS = 2_000;

/** Users from which they are also kept by name: most rooms are small, and a map for each would be most of its memory. */
const INDEX_FROM_MEMBERS = 16;

/**
 * Who is in one conversation: users, not connections (P1). Users are told of each other once, however many tabs they
 * have, and a user who is back within `grace` milliseconds was never away: a reconnect is not a leave and a join.
 */
export class Roster {
  /** In the order in which they came. */
  private readonly present: RosterEntry[] = [];
  private byUser: Map<string, RosterEntry> | undefined;
  private leaving = 0;

  constructor(private readonly grace: number) {}

  /** Adds a connection of `user`; returns whether a join has to be sent to others. */
  join(user: string, now: number): boolean {
    const one = this.find(user);
    if (one === undefined) {
      this.add({ user, connections: 1, since: now, leftAt: undefined, graceEndsAt: 0 });
      return true;
    }
    if (one.leftAt !== undefined) this.leaving--;
    one.leftAt = undefined;
    one.connections++;
    return false;
  }

  /**
   * Takes a connection of `user` away. Whether the user has left is seen by `left`, after the grace. One that a newer
   * connection has `replaced` is no leave, however short the grace is (W8).
   */
  leave(user: string, now: number, replaced = false): void {
    const one = this.find(user);
    if (one === undefined || --one.connections > 0) return;
    one.leftAt = now;
    one.graceEndsAt = now + (replaced ? Math.max(this.grace, REPLACED_GRACE_MS) : this.grace);
    this.leaving++;
  }

  /** The users whose grace is over, with the time of their leave; they are not present any more. */
  takeExpired(now: number): { user: string; at: number }[] {
    if (this.leaving === 0) return [];
    const gone = this.present.filter(
      ({ leftAt, graceEndsAt: goneAt }) => leftAt !== undefined && now >= goneAt,
    );
    for (const one of gone) {
      this.present.splice(this.present.indexOf(one), 1);
      this.byUser?.delete(one.user);
    }
    this.leaving -= gone.length;
    return gone.map(({ user, leftAt }) => ({ user, at: leftAt! }));
  }

  /** Whether `user` is present; users within their grace still are. */
  has(user: string): boolean {
    return this.find(user) !== undefined;
  }

  /** Whether any grace is running. */
  get hasPending(): boolean {
    return this.leaving > 0;
  }

  /** The users present, in the order of their joins; users within their grace still are. */
  list(): PresentUser[] {
    return this.present.map(({ user, since }) => ({ user, since: Math.floor(since) }));
  }

  /** Removes all users at once, also those within their grace. Returns them. */
  clear(): string[] {
    this.byUser = undefined;
    this.leaving = 0;
    return this.present.splice(0).map(({ user }) => user);
  }

  private find(user: string): RosterEntry | undefined {
    return this.byUser === undefined
      ? this.present.find((each) => each.user === user)
      : this.byUser.get(user);
  }

  private add(one: RosterEntry): void {
    this.present.push(one);
    if (this.present.length === INDEX_FROM_MEMBERS)
      this.byUser = new Map(this.present.map((each) => [each.user, each]));
    else this.byUser?.set(one.user, one);
  }
}

/** The users present, each with its read mark where it has one. */
export function withReadMarks(
  present: readonly PresentUser[],
  marks: ReadonlyMap<string, number>,
): PresentUser[] {
  return present.map((one) => {
    const read = marks.get(one.user);
    return read === undefined ? one : { ...one, read };
  });
}

/** The users present on this node and those elsewhere, each once and since they first came, in the order in which they came. */
export function mergeMembers(local: PresentUser[], remote: ReadonlyMap<string, number>): PresentUser[] {
  if (remote.size === 0) return local;
  const since = new Map(remote);
  for (const one of local) since.set(one.user, Math.min(one.since, since.get(one.user) ?? one.since));
  return [...since].map(([user, at]) => ({ user, since: at })).sort((a, b) => a.since - b.since);
}
