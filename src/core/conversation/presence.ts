import type { PresentUser } from "../../protocol/server-frames.ts";

interface RosterEntry {
  readonly user: string;
  connections: number;
  readonly since: number;
  /** When the last connection ended, as long as the grace lasts; undefined while the user has a connection. */
  leftAt: number | undefined;
  /** The end of the grace, if `leftAt` is set. */
  graceEndsAt: number;
}

/** The shortest grace of a user whose connection was replaced, in milliseconds: the newer one is being admitted. */
const REPLACED_GRACE_MS = 2_000;

/** From this number of users on, a map finds them by name. Most rooms are small, and a map would take most of their memory. */
const INDEX_FROM_MEMBERS = 16;

/**
 * The users of one conversation (P1). A user with several connections is present once, so others get one `joined` and one
 * `left`. A user who reconnects within `grace` milliseconds stays present, so that a reconnect is not a leave and a join.
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
   * Removes a connection of `user`. After the last one the grace begins; `takeExpired` returns the user when it is over.
   * With `replaced` a newer connection takes the place of this one, so the grace lasts at least REPLACED_GRACE_MS: the
   * replacement must not show as a leave, however short the grace is (W8).
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
    const gone = this.present.filter(({ leftAt, graceEndsAt }) => leftAt !== undefined && now >= graceEndsAt);
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

/** The users present on this node and on other nodes, each once with the earliest join, in the order of their joins. */
export function mergeMembers(local: PresentUser[], remote: ReadonlyMap<string, number>): PresentUser[] {
  if (remote.size === 0) return local;
  const since = new Map(remote);
  for (const one of local) since.set(one.user, Math.min(one.since, since.get(one.user) ?? one.since));
  return [...since].map(([user, at]) => ({ user, since: at })).sort((a, b) => a.since - b.since);
}
