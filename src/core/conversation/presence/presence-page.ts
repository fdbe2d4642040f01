/** A place in the list of all present users, which is in the order of their joins and then of their names. */
export interface PresencePlace {
  readonly since: number;
  readonly user: string;
}

/** Returns the opaque text of a place, for `cursor`. */
export function encodePresenceCursor({ since, user }: PresencePlace): string {
  return Buffer.from(`${since} ${user}`).toString("base64url");
}

/** Returns the place that a `cursor` names; undefined if it is none. */
export function decodePresenceCursor(cursor: string): PresencePlace | undefined {
  const [, since, user] = /^(\d{1,16}) ([^ ]+)$/.exec(Buffer.from(cursor, "base64url").toString()) ?? [];
  return since === undefined || user === undefined ? undefined : { since: Number(since), user };
}

/**
 * Returns the first `limit` of `users` after a place, in order, and whether there are more. It reads all users once, and
 * sorts only those that it returns.
 */
export function pageOfUsers<User extends PresencePlace>(
  users: Iterable<User>,
  limit: number,
  after?: PresencePlace,
): { readonly page: readonly User[]; readonly more: boolean } {
  const page: User[] = [];
  let more = false;
  for (const one of users) {
    if (after !== undefined && compare(one, after) <= 0) continue;
    if (page.length === limit) {
      more = true;
      if (compare(one, page[limit - 1]!) > 0) continue;
      page.pop();
    }
    insert(page, one);
  }
  return { page, more };
}

/** Inserts a user into a page that is in order. */
function insert<User extends PresencePlace>(page: User[], one: User): void {
  let [from, to] = [0, page.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (compare(page[middle]!, one) < 0) from = middle + 1;
    else to = middle;
  }
  page.splice(from, 0, one);
}

function compare(one: PresencePlace, other: PresencePlace): number {
  if (one.since !== other.since) return one.since - other.since;
  return one.user < other.user ? -1 : one.user > other.user ? 1 : 0;
}
