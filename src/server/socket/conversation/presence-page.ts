import { type PresencePlace, pageOfUsers } from "../../../core/conversation/presence/presence-page.ts";
import type { ShownUser } from "../../../core/conversation/presence/present-users.ts";
import type { ReadMarks } from "../../../core/ports/read-marks.ts";
import type { PresentUser } from "../../../protocol/server-frames.ts";
import { readMarks } from "./read-marks.ts";
import type { Room } from "./room.ts";

/** A page of the present users; the names are those of the answer over HTTP. */
export interface PresencePage {
  readonly present: readonly PresentUser[];
  readonly present_count: number;
  readonly more: boolean;
}

/** Returns `limit` of the present users after a place in the order of their joins. Reads the unknown ones of their read marks. */
export async function readPresencePage(
  engine: Pick<ReadMarks, "readMarks">,
  conversation: string,
  users: readonly ShownUser[],
  limit: number,
  after?: PresencePlace,
): Promise<PresencePage> {
  const { page, more } = pageOfUsers(users, limit, after);
  const unknown = page.filter(({ read }) => read === undefined).map(({ user }) => user);
  const marks = await readMarks(engine, conversation, unknown);
  const present = page.map(({ user, since, read = marks.get(user) ?? 0 }) =>
    read > 0 ? { user, since, read } : { user, since },
  );
  return { present, present_count: users.length, more };
}

/** Returns the users who are present through other nodes, without their read marks. */
export function usersElsewhere(users: ReadonlyMap<string, number>): ShownUser[] {
  return Array.from(users, ([user, since]) => ({ user, since, read: undefined }));
}

/** The users who are present in rooms through this node. */
export function* usersHere(rooms: Iterable<Room>): Iterable<{ conversation: string; user: string }> {
  for (const { conversation, present } of rooms)
    for (const { user } of present.local.users()) yield { conversation, user };
}
