import type { RedisClient } from "../connection/client.ts";

/** Returns the read marks of a conversation, by user. */
export async function readMarks(
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
