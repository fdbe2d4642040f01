// What the store keeps about a conversation beside its messages: its facts, and the standing of each user in it. The rules
// are in core/members/; an engine stores and returns these records and knows no rule about them.

/** `anyone` who knows the name and has the right by token, or `members` only. */
export type Access = "anyone" | "members";

export type Role = "owner" | "moderator" | "member";

/** The roles, from the lowest. */
export const ROLES: readonly Role[] = ["member", "moderator", "owner"];

/** The facts of a conversation. One that came to be by talking has none, and then everybody may use it. */
export interface ConversationFacts {
  readonly access: Access;
  /** At most 200 characters. */
  readonly title?: string;
  /** Any JSON object; at most 4 KiB as JSON. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** The two users of a direct conversation, in ascending order. */
  readonly direct?: readonly [string, string];
  /** When it was made, in milliseconds since 1970. */
  readonly at: number;
}

/** A mute or a ban. It is over when `until` is not later than the store's time. */
export interface Sanction {
  /** Milliseconds since 1970; without it there is no end. */
  readonly until?: number;
  readonly reason?: string;
  /** The user, or the name of the API key, that gave it. */
  readonly by: string;
  readonly at: number;
}

/** What the store knows about one user in one conversation. A field that is missing means: no. */
export interface Standing {
  readonly role?: Role;
  /** When the user became a member, in milliseconds since 1970; only together with `role`. */
  readonly since?: number;
  /** Another user put this one into the conversation, and it has not opened it yet; only together with `role`. */
  readonly unopened?: true;
  /** The user has left on its own, and is added again by an API key only. */
  readonly left?: true;
  readonly muted?: Sanction;
  readonly banned?: Sanction;
}

/** A conversation and some of its users at one moment. */
export interface ConversationView {
  /** Whether there is a conversation of this name: it has facts, or a message was stored since it was last removed. */
  readonly exists: boolean;
  readonly facts: ConversationFacts | undefined;
  /** As in core/conversation/epoch.ts. */
  readonly epoch: string;
  /** The newest `seq`. */
  readonly seq: number;
  /** When the newest message was stored, in milliseconds since 1970; undefined when none is kept. */
  readonly lastAt: number | undefined;
  /** The number of users with a role, and of those with the role `owner`. */
  readonly members: number;
  readonly owners: number;
  /** By user; users of which nothing is stored are missing. */
  readonly standings: ReadonlyMap<string, Standing>;
  /** Grows with each `change`, and outlives the removal of the conversation. */
  readonly revision: number;
  /** The store's time, in milliseconds since 1970. */
  readonly now: number;
}

/** Changes the standing of a user. A field that is missing stays as it is; null removes it. */
export interface StandingChange {
  readonly user: string;
  /** The store sets `since` to its time where the user had no role, and removes `since` and `unopened` with the role. */
  readonly role?: Role | null;
  readonly unopened?: true | null;
  readonly left?: true | null;
  readonly muted?: Sanction | null;
  readonly banned?: Sanction | null;
}

/** A change of a conversation that was decided on a view of it. */
export interface ConversationChange {
  /** The facts from now on; they replace the facts before. */
  readonly facts?: ConversationFacts;
  /** At most one for each user. */
  readonly standings?: readonly StandingChange[];
  /** What every node is notified of, in this order. */
  readonly news: readonly ConversationNews[];
}

export type ConversationNews = MemberNews | FactsNews;

/** The standing of one user has changed. The `member` frame is made of it. */
export interface MemberNews {
  readonly type: "member";
  readonly user: string;
  readonly change: "added" | "removed" | "role" | "muted" | "unmuted" | "banned" | "unbanned";
  readonly role?: Role;
  readonly until?: number;
  readonly by?: string;
  readonly at: number;
  /** The user became a member with its first message. The message itself says so, so no frame is sent for it. */
  readonly spoke?: true;
}

/** The facts have changed. The `conversation` frame is made of it. */
export interface FactsNews {
  readonly type: "conversation";
  readonly access: Access;
  readonly title?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly by?: string;
  readonly at: number;
}

/** Returns whether a mute or ban is in force at the store's time `now`. */
export function isInForce(sanction: Sanction | undefined, now: number): sanction is Sanction {
  return sanction !== undefined && (sanction.until === undefined || now < sanction.until);
}

/** Returns a standing after a change of it at `now`; undefined when nothing is left of it. */
export function changeStanding(
  before: Standing | undefined,
  change: StandingChange,
  now: number,
): Standing | undefined {
  const pick = <K extends "left" | "muted" | "banned" | "unopened" | "role">(field: K) =>
    change[field] === undefined ? before?.[field] : (change[field] ?? undefined);
  const role = pick("role");
  const [unopened, left, muted, banned] = [pick("unopened"), pick("left"), pick("muted"), pick("banned")];
  const after: Standing = {
    ...(role !== undefined && { role, since: before?.since ?? now }),
    ...(role !== undefined && unopened !== undefined && { unopened }),
    ...(left !== undefined && { left }),
    ...(muted !== undefined && { muted }),
    ...(banned !== undefined && { banned }),
  };
  return Object.keys(after).length === 0 ? undefined : after;
}
