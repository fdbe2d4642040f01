import type { RedisClient } from "../connection/client.ts";

/** Keys looked at in one go: Redis does nothing else meanwhile. */
const SCAN_COUNT = 500;

/**
 * The conversations that have a key `what`, some at a time, one primary after the other. One that comes or goes meanwhile
 * may be missing; one can come twice, while Redis makes room or a slot moves.
 */
export async function* scanConversations(
  { keys, primaries }: RedisClient,
  what: "meta" | "log",
): AsyncGenerator<string[]> {
  const pattern = keys.conversationPattern(what);
  for (const primary of primaries) {
    let cursor = "0";
    do {
      const [next, found] = await primary.scan(cursor, "MATCH", pattern, "COUNT", SCAN_COUNT);
      yield found.map((key) => keys.conversationOfKey(key));
      cursor = next;
    } while (cursor !== "0");
  }
}
