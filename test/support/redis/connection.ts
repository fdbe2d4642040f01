import { Redis } from "ioredis";
import { TIMEOUT_MS } from "../time/wait-until.ts";

/** A connection of its own for a few commands; it fails rather than wait. */
export async function withRedis<T>(port: number, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = await openConnection(port);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Opens a connection to a server on this machine. */
export async function openConnection(port: number): Promise<Redis> {
  const redis = new Redis({ port, lazyConnect: true, retryStrategy: () => null, commandTimeout: TIMEOUT_MS });
  redis.on("error", () => {});
  await redis.connect();
  return redis;
}
