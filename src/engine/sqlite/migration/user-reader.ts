import type { Database } from "bun:sqlite";
import type { UserRecord } from "../../../core/migration/records.ts";
import { LIST_MEMORY_MS } from "../../../core/ports/conversation/members.ts";

interface Row {
  readonly user: string;
  readonly conversation: string;
  readonly isPresent: number;
  readonly since: number | null;
  readonly leftAt: number;
}

/** Reads the lists of users in the order of their names, after one: `conversationsOf` of members/member-table.ts for all users. */
export function* readUsers(db: Database, now: number, after: string): Generator<UserRecord> {
  const rows = db
    .query(
      `select m.user as user, c.id as conversation, m.life = c.removals and m.role is not null as isPresent, m.since as since,
         max(m.changed_at, case when m.role is null then 0 else c.removed_at end) as leftAt
       from member m join conversation c on c.number = m.conversation where m.user > ? order by m.user`,
    )
    .iterate(after) as IterableIterator<Row>;
  let user: string | undefined;
  let conversations: UserRecord["conversations"][number][] = [];
  let former: UserRecord["former"][number][] = [];
  for (const row of rows) {
    if (row.user !== user) {
      if (user !== undefined) yield { user, conversations, former };
      user = row.user;
      [conversations, former] = [[], []];
    }
    const { conversation, isPresent, since, leftAt } = row;
    if (isPresent !== 0) conversations.push({ conversation, since: since! });
    else if (leftAt > now - LIST_MEMORY_MS) former.push({ conversation, at: leftAt });
  }
  if (user !== undefined) yield { user, conversations, former };
}
