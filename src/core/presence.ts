import type { Member } from "../protocol/server-frames.ts";

interface Presence {
  connections: number;
  readonly since: number;
  /** When the last connection went, while the user may still come back unnoticed. */
  leftAt: number | undefined;
}

/**
 * Who is in one conversation: users, not connections (P1). Users are told of each other once, however many tabs they
 * have, and a user who is back within `grace` milliseconds was never away: a reconnect is not a leave and a join.
 */
export class Roster {
  private readonly members = new Map<string, Presence>();
  private leaving = 0;

  constructor(private readonly grace: number) {}

  /** Adds a connection of `user`; answers whether others should hear that the user joined. */
  join(user: string, now: number): boolean {
    const member = this.members.get(user);
    if (member === undefined) {
      this.members.set(user, { connections: 1, since: now, leftAt: undefined });
      return true;
    }
    if (member.leftAt !== undefined) this.leaving--;
    member.leftAt = undefined;
    member.connections++;
    return false;
  }

  /** Takes a connection of `user` away. Whether the user has left is seen by `left`, after the grace. */
  leave(user: string, now: number): void {
    const member = this.members.get(user);
    if (member === undefined || --member.connections > 0) return;
    member.leftAt = now;
    this.leaving++;
  }

  /** The users whose grace is over, and when each had left; they are members no longer. */
  left(now: number): { user: string; at: number }[] {
    if (this.leaving === 0) return [];
    const gone: { user: string; at: number }[] = [];
    for (const [user, { leftAt }] of this.members) {
      if (leftAt === undefined || now < leftAt + this.grace) continue;
      gone.push({ user, at: leftAt });
      this.members.delete(user);
      this.leaving--;
    }
    return gone;
  }

  /** Whether anybody's grace is running. */
  get waits(): boolean {
    return this.leaving > 0;
  }

  /** The members, in the order in which they came; who is in their grace is one still. */
  list(): Member[] {
    return Array.from(this.members, ([user, { since }]) => ({ user, since: Math.floor(since) }));
  }
}
