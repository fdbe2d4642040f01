import type { RedisClient } from "../connection/client.ts";

/** Returns the read marks of `users` in a conversation. */
export async function readMarks(
  { commands, keys }: RedisClient,
  conversation: string,
  users: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (users.length === 0) return new Map();
  const marks = await commands.hmget(keys.conversationKey(conversation, "marks"), ...users);
  return new Map(users.flatMap((user, i) => (marks[i] == null ? [] : [[user, seqOfMark(marks[i])]])));
}

/** Returns all read marks of a conversation, by user. For commands: it takes longer where more users have read. */
export async function allReadMarks(
  { commands, keys }: RedisClient,
  conversation: string,
): Promise<ReadonlyMap<string, number>> {
  const marks = await commands.hgetall(keys.conversationKey(conversation, "marks"));
  return new Map(Object.entries(marks).map(([user, mark]) => [user, seqOfMark(mark)]));
}

/** Marks are stored as "seq time". */
export function seqOfMark(mark: string): number {
  return Number.parseInt(mark, 10);
}
