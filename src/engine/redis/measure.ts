import type { StoreSize } from "../../core/ports/store.ts";
import type { RedisClient } from "./connection/client.ts";

/** Measures a Redis, without searching its keys. */
export async function measureRedis({ commands, keys, primaries }: RedisClient): Promise<StoreSize> {
  // A managed Redis may refuse INFO, as may one whose ACL gives this user few permissions.
  const reports = primaries.map((primary) => primary.info("memory").catch(() => ""));
  const used = (await Promise.all(reports)).map((text) => /^used_memory:(\d+)/m.exec(text)?.[1]);
  const isKnown = used.every((bytes) => bytes !== undefined);
  return {
    engine: "redis",
    bytes: isKnown ? used.reduce((sum, bytes) => sum + Number(bytes), 0) : undefined,
    accounts: await commands.hlen(keys.globalKey("accounts")),
    conversations: undefined,
    messages: undefined,
  };
}
