// Who is shown beside a conversation, and what the user may do. The server decides; this only hides what it would refuse (MB4).
import type { ConversationFacts, Member, Role } from "../../../client/index.ts";
import type { PresentUser } from "../../../protocol/server-frames.ts";

export interface Person {
  readonly user: string;
  /** Missing for a user who is present and does not belong to the conversation. */
  readonly role?: Role;
  readonly present: boolean;
  /** When the user joined or came, in milliseconds since 1970. */
  readonly since: number;
}

export interface Rights {
  readonly canInvite: boolean;
  readonly canModerate: boolean;
  readonly canOwn: boolean;
  readonly canLeave: boolean;
}

const RANK: Readonly<Record<Role, number>> = { owner: 2, moderator: 1, member: 0 };

/** Returns what the user may change in a conversation. */
export function rightsOf(facts: ConversationFacts | undefined): Rights {
  const role = facts?.role;
  const isDirect = facts?.direct !== undefined;
  const canModerate = !isDirect && (role === "owner" || role === "moderator");
  return {
    canInvite: canModerate,
    canModerate,
    canOwn: !isDirect && role === "owner",
    canLeave: role !== undefined && !isDirect,
  };
}

/** Whether a user with the role `mine` may change one with the role `theirs`: lower roles only, owners all. */
export function mayChange(mine: Role | undefined, theirs: Role | undefined): boolean {
  if (mine === undefined || mine === "member") return false;
  return mine === "owner" || RANK[mine] > RANK[theirs ?? "member"];
}

/** Returns members and present users: oneself first, then those who are present, then by role and name. */
export function peopleOf(
  members: readonly Member[],
  present: readonly PresentUser[],
  user: string,
): readonly Person[] {
  const here = new Map(present.map((one) => [one.user, one]));
  const belong = new Set(members.map((one) => one.user));
  const all: Person[] = [
    ...members.map(({ user: name, role, since }) => ({ user: name, role, since, present: here.has(name) })),
    ...present
      .filter((one) => !belong.has(one.user))
      .map(({ user: name, since }) => ({ user: name, since, present: true })),
  ];
  const order = (person: Person) =>
    (person.user === user ? 8 : 0) + (person.present ? 4 : 0) + (person.role ? RANK[person.role] : 0);
  return all.sort((a, b) => order(b) - order(a) || (a.user < b.user ? -1 : 1));
}
