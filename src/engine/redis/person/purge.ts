import { ERASED_USER } from "../../../core/person/erased-user.ts";
import { BUCKET_COUNT } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";

const REWRITE_STREAM = new Script("person/rewrite-stream");

/** The number of entries that one call copies: Redis serves no other client meanwhile. */
const ENTRIES_AT_ONCE = 500;

/** The number of buckets that one part visits. */
const BUCKETS_AT_ONCE = 8;

/** Takes the name out of what all nodes read in some buckets: news of members, and what has changed lately. Returns where to go on. */
export async function purgeBuckets(
  client: RedisClient,
  user: string,
  first: number,
): Promise<string | undefined> {
  const { commands, keys } = client;
  const end = Math.min(first + BUCKETS_AT_ONCE, BUCKET_COUNT);
  for (let bucket = first; bucket < end; bucket++) {
    await purgeStream(client, keys.bucketKey(bucket, "news"), user);
    const activity = keys.bucketKey(bucket, "activity");
    for (let cursor = "0"; ; ) {
      const [next, found] = await commands.zscan(activity, cursor, "MATCH", `* ${user}`, "COUNT", 10_000);
      const members = found.filter((_, i) => i % 2 === 0);
      if (members.length > 0) await commands.zrem(activity, ...members);
      if (next === "0") break;
      cursor = next;
    }
  }
  return end === BUCKET_COUNT ? undefined : String(end);
}

/** Takes the name out of the feed: one stream, in Cluster that of each bucket. Returns where to go on. */
export async function purgeFeed(
  client: RedisClient,
  user: string,
  bucket: number,
): Promise<string | undefined> {
  const { keys, isCluster } = client;
  const stream = isCluster ? keys.bucketKey(bucket, "feed") : keys.globalKey("feed");
  await purgeStream(client, stream, user, true);
  return isCluster && bucket + 1 < BUCKET_COUNT ? String(bucket + 1) : undefined;
}

/** Takes the name out of a stream of events; `isFeed`: of the feed. */
export async function purgeStream(
  client: RedisClient,
  stream: string,
  user: string,
  isFeed = false,
): Promise<void> {
  const keys = [stream, `${stream}:copy`];
  for (let continues = 0; ; continues = 1) {
    const more = await client.run(REWRITE_STREAM, keys, [
      ...[user, ERASED_USER, ENTRIES_AT_ONCE, continues, isFeed ? 1 : 0],
    ]);
    if (more !== 1) return;
  }
}
