import { bucketOf } from "../../../../src/engine/redis/connection/buckets.ts";

/** Names that begin with `prefix` and lie in the same bucket: what Cluster carries out in one call. */
export function namesInOneBucket(prefix: string, count: number, bucket = bucketOf(`${prefix}0`)): string[] {
  const names: string[] = [];
  for (let i = 0; names.length < count; i++)
    if (bucketOf(`${prefix}${i}`) === bucket) names.push(`${prefix}${i}`);
  return names;
}
