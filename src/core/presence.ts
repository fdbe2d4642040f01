import type { Member } from "../protocol/server-frames.ts";

interface Presence {
  readonly user: string;
  connections: number;
  readonly since: number;
  /** When the last connection went, while the user may still come back unnoticed. */
  leftAt: number | undefined;
  /** Until when, where `leftAt` is there. */
  goneAt: number;
}

/** How long a user stays at least whose connection was replaced, in milliseconds: the newer one is being let in. */
const REPLACED_GRACE = 2_000;

/** Members from which they are also kept by name: most rooms are small, and a map for each would be most of its memory. */
const MANY = 16;

/**
 * Who is in one conversation: users, not connections (P1). Users are told of each other once, however many tabs they
 * have, and a user who is back within `grace` milliseconds was never away: a reconnect is not a leave and a join.
 */
export class Roster {
  /** In the order in which they came. */
  private readonly members: Presence[] = [];
  private byUser: Map<string, Presence> | undefined;
  private leaving = 0;

  constructor(private readonly grace: number) {}

  /** Adds a connection of `user`; answers whether others should hear that the user joined. */
  join(user: string, now: number): boolean {
    const member = this.find(user);
    if (member === undefined) {
      this.add({ user, connections: 1, since: now, leftAt: undefined, goneAt: 0 });
      return true;
    }
    if (member.leftAt !== undefined) this.leaving--;
    member.leftAt = undefined;
    member.connections++;
    return false;
  }

  /**
   * Takes a connection of `user` away. Whether the user has left is seen by `left`, after the grace. One that a newer
   * connection has `replaced` is no leave, however short the grace is (W8).
   */
  leave(user: string, now: number, replaced = false): void {
    const member = this.find(user);
    if (member === undefined || --member.connections > 0) return;
    member.leftAt = now;
    member.goneAt = now + (replaced ? Math.max(this.grace, REPLACED_GRACE) : this.grace);
    this.leaving++;
  }

  /** The users whose grace is over, and when each had left; they are members no longer. */
  left(now: number): { user: string; at: number }[] {
    if (this.leaving === 0) return [];
    const gone = this.members.filter(({ leftAt, goneAt }) => leftAt !== undefined && now >= goneAt);
    for (const member of gone) {
      this.members.splice(this.members.indexOf(member), 1);
      this.byUser?.delete(member.user);
    }
    this.leaving -= gone.length;
    return gone.map(({ user, leftAt }) => ({ user, at: leftAt! }));
  }

  /** Whether `user` is a member; who is in their grace is one still. */
  has(user: string): boolean {
    return this.find(user) !== undefined;
  }

  /** Whether anybody's grace is running. */
  get waits(): boolean {
    return this.leaving > 0;
  }

  /** The members, in the order in which they came; who is in their grace is one still. */
  list(): Member[] {
    return this.members.map(({ user, since }) => ({ user, since: Math.floor(since) }));
  }

  /** Takes everybody away at once, also who is in their grace. Returns who was there. */
  clear(): string[] {
    this.byUser = undefined;
    this.leaving = 0;
    return this.members.splice(0).map(({ user }) => user);
  }

  private find(user: string): Presence | undefined {
    return this.byUser === undefined
      ? this.members.find((member) => member.user === user)
      : this.byUser.get(user);
  }

  private add(member: Presence): void {
    this.members.push(member);
    if (this.members.length === MANY) this.byUser = new Map(this.members.map((each) => [each.user, each]));
    else this.byUser?.set(member.user, member);
  }
}

/** Members, each with its read mark where it has one. */
export function withMarks(members: readonly Member[], marks: ReadonlyMap<string, number>): Member[] {
  return members.map((member) => {
    const read = marks.get(member.user);
    return read === undefined ? member : { ...member, read };
  });
}

/** The members on this node and those elsewhere, each once and since they first came, in the order in which they came. */
export function together(here: Member[], elsewhere: ReadonlyMap<string, number>): Member[] {
  if (elsewhere.size === 0) return here;
  const since = new Map(elsewhere);
  for (const member of here)
    since.set(member.user, Math.min(member.since, since.get(member.user) ?? member.since));
  return [...since].map(([user, at]) => ({ user, since: at })).sort((a, b) => a.since - b.since);
}
