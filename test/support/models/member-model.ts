import type { Access, Role } from "../../../src/core/members/records.ts";

/** A request to change a member. `actor`: undefined for an API key. `seconds`: undefined for a mute or ban without end. */
export interface MemberAction {
  readonly actor: string | undefined;
  readonly verb: "put" | "remove" | "mute" | "unmute" | "ban" | "unban";
  readonly user: string;
  readonly role?: Role | undefined;
  readonly seconds?: number | undefined;
}

const RANKS = { member: 1, moderator: 2, owner: 3 } as const;

/** MB1 to MB4 in the plainest way: a table for each fact, and one sentence for each rule. */
export class MemberModel {
  readonly roles = new Map<string, Role>();
  /** When a mute or ban ends. */
  readonly muted = new Map<string, number>();
  readonly banned = new Map<string, number>();
  readonly left = new Set<string>();

  constructor(readonly access: Access) {}

  owners(): string[] {
    return [...this.roles.keys()].filter((user) => this.roles.get(user) === "owner");
  }

  rank(user: string): number {
    const role = this.roles.get(user);
    return role === undefined ? 0 : RANKS[role];
  }

  isBanned(user: string, now: number): boolean {
    return now < (this.banned.get(user) ?? 0);
  }

  /** What a message of the user gets. */
  speech(user: string, now: number): "forbidden" | "banned" | "muted" | undefined {
    if (this.access === "members" && !this.roles.has(user)) return "forbidden";
    if (this.isBanned(user, now)) return "banned";
    return now < (this.muted.get(user) ?? 0) ? "muted" : undefined;
  }

  /** Carries out what is allowed; returns whether it is. */
  act({ actor, verb, user, role, seconds }: MemberAction, now: number): boolean {
    if (
      actor !== undefined &&
      (this.isBanned(actor, now) || (this.access === "members" && this.rank(actor) === 0))
    )
      return false;
    const rank = actor === undefined ? 3 : this.rank(actor);
    const isLastOwner = actor !== undefined && this.owners().join() === user;
    const mayAct = rank === 3 || (rank === 2 && this.rank(user) < 2);
    const end = seconds === undefined ? Number.POSITIVE_INFINITY : now + seconds * 1000;
    switch (verb) {
      case "put":
        return this.rank(user) > 0
          ? this.setRole(actor, rank, user, role, isLastOwner)
          : this.add(actor, rank, user, role ?? "member", now);
      case "remove":
        if (actor !== user && !mayAct) return false;
        if (isLastOwner) return false;
        if (this.roles.delete(user) && actor === user) this.left.add(user);
        return true;
      case "mute":
        if (mayAct) this.muted.set(user, end);
        return mayAct;
      case "unmute":
        if (mayAct) this.muted.delete(user);
        return mayAct;
      case "ban":
        if (!mayAct || isLastOwner) return false;
        this.roles.delete(user);
        this.banned.set(user, end);
        return true;
      case "unban":
        if (mayAct) this.banned.delete(user);
        return mayAct;
      default:
        return verb satisfies never;
    }
  }

  private setRole(
    actor: string | undefined,
    rank: number,
    user: string,
    role: Role | undefined,
    isLastOwner: boolean,
  ): boolean {
    if (actor !== user && rank < 2) return false;
    if (role === undefined || role === this.roles.get(user)) return true;
    const isLower = RANKS[role] < this.rank(user);
    if (rank < 3 && !(actor === user && isLower)) return false;
    if (isLastOwner) return false;
    this.roles.set(user, role);
    return true;
  }

  private add(actor: string | undefined, rank: number, user: string, role: Role, now: number): boolean {
    if (this.isBanned(user, now)) return false;
    const joins = actor === user;
    if (joins ? role !== "member" : rank < 2 || (rank < 3 && role !== "member")) return false;
    if (!joins && actor !== undefined && this.left.has(user)) return false;
    this.roles.set(user, role);
    this.left.delete(user);
    return true;
  }
}
