import type { ReadMarks } from "../../../core/ports/read-marks.ts";
import type { Room } from "./room.ts";

/** The number of read marks that are read from the store at once. */
const BATCH_SIZE = 200;

const NO_MARKS: ReadonlyMap<string, number> = new Map();

/** Reads the marks of any number of users, in batches. */
export async function readMarks(
  engine: Pick<ReadMarks, "readMarks">,
  conversation: string,
  users: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (users.length <= BATCH_SIZE)
    return users.length === 0 ? NO_MARKS : engine.readMarks(conversation, users);
  const marks = new Map<string, number>();
  for (let i = 0; i < users.length; i += BATCH_SIZE) {
    const batch = await engine.readMarks(conversation, users.slice(i, i + BATCH_SIZE));
    for (const [user, seq] of batch) marks.set(user, seq);
  }
  return marks;
}

/** Reads the marks that members are shown: of the present users, or in a large conversation of those of two nodes (LR3). */
export function shownReadMarks(
  engine: Pick<ReadMarks, "readMarks">,
  { conversation, present }: Room,
): Promise<ReadonlyMap<string, number>> {
  const users: string[] = [];
  for (const { user } of present.all(0))
    if (!present.isLarge || (present.local.has(user) && present.isRemote(user))) users.push(user);
  return readMarks(engine, conversation, users);
}

/** Returns the stored read mark of a user who is about to join a room, or 0, and reads those of other users that a list of the room needs. */
export async function readMarkOf(
  engine: Pick<ReadMarks, "readMarks">,
  room: Room,
  user: string,
): Promise<number> {
  const { losses } = room;
  const unknown = room.present.withoutReadMark();
  const marks = await readMarks(engine, room.conversation, [user, ...unknown]);
  // If the store has lost messages meanwhile, the marks may name messages that are gone.
  if (room.losses !== losses) return 0;
  for (const other of unknown) room.present.learnReadMark(other, marks.get(other) ?? 0);
  return marks.get(user) ?? 0;
}
