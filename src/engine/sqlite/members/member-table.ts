import type { Database, Statement } from "bun:sqlite";
import {
  type ConversationFacts,
  changeStanding,
  isInForce,
  type Role,
  type Sanction,
  type Standing,
  type StandingChange,
} from "../../../core/members/records.ts";
import {
  LIST_MEMORY_MS,
  type ListSize,
  type MemberEntry,
  type NameRange,
  type SanctionEntry,
  type UserConversation,
  type UserView,
} from "../../../core/ports/conversation/members.ts";

/** The bits of the column `guard`: why posts must look at the standing of their sender. */
export const GUARD_MEMBERS_ONLY = 1;
/** A mute or ban was given since the conversation was made. */
export const GUARD_SANCTIONS = 2;

/** The conversation of a row, and how often it was removed when the row was written. */
export interface MemberPlace {
  readonly number: number;
  readonly removals: number;
}

/** The columns of `member`, but for its key. */
export interface MemberColumns {
  readonly life: number;
  readonly role: Role | null;
  readonly since: number | null;
  readonly unopened: number | null;
  readonly left: number | null;
  readonly muted: string | null;
  readonly banned: string | null;
  readonly changed_at: number;
}

interface UserRow extends Omit<MemberColumns, "life" | "changed_at"> {
  readonly place: number;
  readonly facts: string | null;
}

/** By how much a change moves the numbers of members and owners. */
export interface CountChange {
  readonly members: number;
  readonly owners: number;
}

/** The standings of users in conversations. */
export class MemberTable {
  private readonly rowOf: Statement<MemberColumns>;
  private readonly put: Statement;
  private readonly ofUser: Statement<UserRow>;
  private readonly size: Statement<{ conversations: number; unopened: number }>;

  constructor(private readonly db: Database) {
    this.rowOf = db.prepare(
      `select life, role, since, unopened, "left", muted, banned, changed_at
       from member where conversation = ? and user = ?`,
    );
    this.put = db.prepare("insert or replace into member values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.ofUser = db.prepare(
      `select j.key as place, facts, role, since, unopened, "left", muted, banned from json_each(?) j
       left join conversation c on c.id = j.value
       left join member m on m.conversation = c.number and m.user = ? and m.life = c.removals`,
    );
    this.size = db.prepare(
      `select count(*) as conversations, count(unopened) as unopened from member
       join conversation on number = conversation
       where user = ? and role is not null and life = removals`,
    );
  }

  /** Returns the standing of a user; undefined where nothing is stored about it. */
  find({ number, removals }: MemberPlace, user: string): Standing | undefined {
    const row = this.rowOf.get(number, user);
    return row === null || row.life !== removals ? undefined : decodeStanding(row);
  }

  /** Returns the facts of conversations and the standing of a user in each, in their order. */
  readForUser(user: string, conversations: readonly string[]): UserView[] {
    const views: UserView[] = [];
    for (const row of this.ofUser.all(JSON.stringify(conversations), user))
      views[row.place] = { facts: decodeFacts(row), standing: decodeStanding(row) };
    return views;
  }

  /** Changes the standing of one user. MUST be called inside a transaction. */
  change(place: MemberPlace, change: StandingChange, now: number): CountChange {
    const { number, removals } = place;
    const { user } = change;
    const row = this.rowOf.get(number, user);
    const before = row === null || row.life !== removals ? undefined : decodeStanding(row);
    const after = changeStanding(before, change, now) ?? {};
    const { role, since, unopened, left, muted, banned } = after;
    const changedAt = role === before?.role && row !== null && row.life === removals ? row.changed_at : now;
    this.put.run(
      number,
      user,
      removals,
      role ?? null,
      since ?? null,
      unopened ? 1 : null,
      left ? 1 : null,
      encode(muted),
      encode(banned),
      changedAt,
    );
    const count = (of: Role | undefined, wanted?: Role) =>
      Number(wanted === undefined ? of !== undefined : of === wanted);
    return {
      members: count(role) - count(before?.role),
      owners: count(role, "owner") - count(before?.role, "owner"),
    };
  }

  /** Makes a user a member unless the list of the conversation or that of the user is full. MUST be called inside a transaction. */
  tryJoin(
    place: MemberPlace,
    user: string,
    most: { readonly members: number; readonly conversations: number },
    now: number,
  ): boolean {
    const { members } = this.db
      .query("select members from conversation where number = ?")
      .get(place.number) as {
      members: number;
    };
    if (members >= most.members || this.conversationCount(user) >= most.conversations) return false;
    this.change(place, { user, role: "member", left: null }, now);
    this.db.query("update conversation set members = members + 1 where number = ?").run(place.number);
    return true;
  }

  list(
    { number, removals }: MemberPlace,
    { after, limit }: NameRange,
  ): { members: MemberEntry[]; more: boolean } {
    const rows = this.db
      .query(
        `select member.user as user, role, since, nullif(mark.seq, 0) as read from member
         left join mark on mark.conversation = member.conversation and mark.user = member.user
         where member.conversation = ? and member.user > ? and role is not null and life = ?
         order by member.user limit ?`,
      )
      .all(number, after ?? "", removals, limit + 1) as (Omit<MemberEntry, "read"> & {
      read: number | null;
    })[];
    const members = rows
      .slice(0, limit)
      .map(({ read, ...member }) => (read === null ? member : { ...member, read }));
    return { members, more: rows.length > limit };
  }

  sanctions(
    { number, removals }: MemberPlace,
    kind: "muted" | "banned",
    { after, limit }: NameRange,
    now: number,
  ): { sanctions: SanctionEntry[]; more: boolean } {
    const rows = this.db
      .query(
        `select user, ${kind} as sanction from member
         where conversation = ? and user > ? and ${kind} is not null and life = ? order by user`,
      )
      .iterate(number, after ?? "", removals) as IterableIterator<{ user: string; sanction: string }>;
    const sanctions: SanctionEntry[] = [];
    for (const { user, sanction } of rows) {
      const decoded: Sanction = JSON.parse(sanction);
      if (!isInForce(decoded, now)) continue;
      if (sanctions.length === limit) return { sanctions, more: true };
      sanctions.push({ user, ...decoded });
    }
    return { sanctions, more: false };
  }

  oldest({ number, removals }: MemberPlace, role: Role, except: string): string | undefined {
    const row = this.db
      .query(
        `select user from member where conversation = ? and life = ? and role = ? and user <> ?
         order by since, user limit 1`,
      )
      .get(number, removals, role, except) as { user: string } | null;
    return row?.user;
  }

  conversationsOf(
    user: string,
    { after, limit }: NameRange,
    now: number,
  ): { conversations: UserConversation[]; more: boolean } {
    const rows = this.db
      .query(
        `select id, life = removals as isPresent, role, since, changed_at, removed_at from member
         join conversation on number = conversation
         where user = ?1 and id > ?2
           and (role is not null or changed_at > ?3) and (life = removals or removed_at > ?3)
         order by id limit ?4`,
      )
      .all(user, after ?? "", now - LIST_MEMORY_MS, limit + 1) as {
      id: string;
      isPresent: number;
      role: Role | null;
      since: number | null;
      changed_at: number;
      removed_at: number;
    }[];
    const conversations = rows.slice(0, limit).map((row): UserConversation => {
      if (row.isPresent !== 0 && row.role !== null)
        return { conversation: row.id, role: row.role, since: row.since!, changedAt: row.changed_at };
      const removedAt = row.role === null ? 0 : row.removed_at;
      return { conversation: row.id, role: undefined, changedAt: Math.max(row.changed_at, removedAt) };
    });
    return { conversations, more: rows.length > limit };
  }

  listSize(user: string): ListSize {
    const { conversations, unopened } = this.size.get(user)!;
    const oldest =
      unopened > 0
        ? (this.db
            .query(
              `select id from member join conversation on number = conversation
               where user = ? and role is not null and life = removals and unopened is not null
               order by since, id limit 1`,
            )
            .get(user) as { id: string })
        : undefined;
    return { conversations, unopened, oldestUnopened: oldest?.id };
  }

  private conversationCount(user: string): number {
    return this.size.get(user)!.conversations;
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    for (const statement of [this.rowOf, this.put, this.ofUser, this.size]) statement.finalize();
  }
}

function encode(sanction: Sanction | undefined): string | null {
  return sanction === undefined ? null : JSON.stringify(sanction);
}

/** Reads the column `facts` of a conversation. */
export function decodeFacts({ facts }: { readonly facts: string | null }): ConversationFacts | undefined {
  return facts === null ? undefined : JSON.parse(facts);
}

function decodeStanding(row: Omit<MemberColumns, "life" | "changed_at">): Standing | undefined {
  const { role, since, unopened, left, muted, banned } = row;
  const standing: Standing = {
    ...(role !== null && { role, since: since! }),
    ...(unopened !== null && { unopened: true as const }),
    ...(left !== null && { left: true as const }),
    ...(muted !== null && { muted: JSON.parse(muted) }),
    ...(banned !== null && { banned: JSON.parse(banned) }),
  };
  return Object.keys(standing).length === 0 ? undefined : standing;
}
