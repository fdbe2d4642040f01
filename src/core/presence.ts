import type { Member } from "../protocol/server-frames.ts";

/** Who is in one conversation: users, not connections (P1). Users are told of each other once, however many tabs they have. */
export class Roster {
  private readonly members = new Map<string, { connections: number; since: number }>();

  /** Adds a connection of `user`; answers whether it is the user's first here. */
  join(user: string, now: number): boolean {
    const member = this.members.get(user);
    if (member !== undefined) {
      member.connections++;
      return false;
    }
    this.members.set(user, { connections: 1, since: now });
    return true;
  }

  /** Takes a connection of `user` away; answers whether it was the user's last here. */
  leave(user: string): boolean {
    const member = this.members.get(user);
    if (member === undefined) return false;
    if (--member.connections > 0) return false;
    return this.members.delete(user);
  }

  /** The members, in the order in which they came. */
  list(): Member[] {
    return Array.from(this.members, ([user, { since }]) => ({ user, since: Math.floor(since) }));
  }
}
