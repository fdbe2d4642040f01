import { Redis } from "ioredis";

/** How long servers may take to agree on anything, in milliseconds. */
export const PATIENCE = 15_000;

/** A connection of its own for a few commands; it fails rather than wait. */
export async function withRedis<T>(port: number, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = await open(port);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Opens a connection to a server on this machine. */
export async function open(port: number): Promise<Redis> {
  const redis = new Redis({ port, lazyConnect: true, retryStrategy: () => null, commandTimeout: PATIENCE });
  redis.on("error", () => {});
  await redis.connect();
  return redis;
}

/** Waits for what servers take a while to do; throws when it does not come. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + PATIENCE; ; await Bun.sleep(20)) {
    if (await holds().catch(() => false)) return;
    if (Date.now() > deadline) throw new Error(`Still not so: ${what}.`);
  }
}
