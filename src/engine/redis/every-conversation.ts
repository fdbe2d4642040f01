import type { RedisClient } from "./client.ts";

/** Keys looked at in one go: Redis does nothing else meanwhile. */
const LOOKED_AT_ONCE = 500;

/**
 * The conversations that have a key `what`, some at a time, one primary after the other. One that comes or goes meanwhile
 * may be missing; one can come twice, while Redis makes room or a slot moves.
 */
export async function* everyConversation(
  { keys, primaries }: RedisClient,
  what: "meta" | "log",
): AsyncGenerator<string[]> {
  const pattern = keys.ofEveryConversation(what);
  for (const primary of primaries) {
    let cursor = "0";
    do {
      const [next, found] = await primary.scan(cursor, "MATCH", pattern, "COUNT", LOOKED_AT_ONCE);
      yield found.map((key) => keys.conversationWith(key));
      cursor = next;
    } while (cursor !== "0");
  }
}
