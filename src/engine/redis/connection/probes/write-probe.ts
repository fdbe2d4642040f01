import type { Cluster, Redis } from "ioredis";

/** The expiry of a key that a probe writes, in milliseconds. */
export const PROBE_TTL_MS = 60_000;

/**
 * Writes `key`, to find out whether Redis accepts writes to its slot. If `replicaTimeoutMs` is given, rejects unless a replica has
 * the write within that time.
 */
export async function writeProbe(
  commands: Redis | Cluster,
  key: string,
  node: string,
  replicaTimeoutMs: number | undefined,
): Promise<void> {
  if (replicaTimeoutMs === undefined) {
    await commands.set(key, node, "PX", PROBE_TTL_MS);
    return;
  }
  const written = commands.pipeline().set(key, node, "PX", PROBE_TTL_MS);
  const replies = await written.wait(1, replicaTimeoutMs).exec();
  const error = replies?.find(([error]) => error !== null)?.[0];
  if (error) throw error;
  if (!(Number(replies?.[1]?.[1]) >= 1)) throw new Error(`no replica had it within ${replicaTimeoutMs} ms`);
}
