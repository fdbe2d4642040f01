import type { RedisClient } from "../connection/client.ts";

/** The number of keys that one SCAN visits: Redis serves no other client during a command. */
const SCAN_COUNT = 500;

/**
 * Yields the conversations that have a key `what`, some at a time, one primary after the other. A conversation that is created or
 * removed meanwhile may be missing. One can be yielded twice, if Redis resizes its table or a slot moves.
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
