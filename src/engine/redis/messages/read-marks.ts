import type { RedisClient } from "../connection/client.ts";

/** How far each user has read in a conversation. */
export async function readMarks(
  { commands, keys }: RedisClient,
  conversation: string,
): Promise<ReadonlyMap<string, number>> {
  const marks = await commands.hgetall(keys.conversationKey(conversation, "marks"));
  return new Map(Object.entries(marks).map(([user, seq]) => [user, Number(seq)]));
}
