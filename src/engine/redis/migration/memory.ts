import type { PrimaryMemory } from "../../../core/migration/memory.ts";
import type { RedisClient } from "../connection/client.ts";

/** Returns the memory of each primary that reports it. Without a limit of its own, Redis can use that of its machine. */
export async function readMemory({ primaries }: Pick<RedisClient, "primaries">): Promise<PrimaryMemory[]> {
  const found: PrimaryMemory[] = [];
  for (const primary of primaries) {
    // A managed Redis may refuse it, as may a Redis whose ACL gives this user few permissions.
    const info = await primary.info().catch(() => "");
    const field = (name: string) =>
      Number(new RegExp(`^${name}:(\\d+)\r?$`, "m").exec(info)?.[1] ?? Number.NaN);
    const used = field("used_memory");
    if (Number.isNaN(used)) continue;
    const most = field("maxmemory") || field("total_system_memory");
    found.push({ used, most: Number.isNaN(most) ? 0 : most });
  }
  return found;
}
