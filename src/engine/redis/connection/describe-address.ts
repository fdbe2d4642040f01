import type { RedisAddress } from "../../../core/redis-address.ts";

/** Returns the address of Redis without user and password, so that it may be shown and logged. */
export function describeAddress({ kind, hosts, primary, database }: RedisAddress): string {
  const list = hosts.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`).join(", ");
  if (kind === "sentinel") return `Redis "${primary}" by Sentinel at ${list}`;
  if (kind === "cluster") return `Redis Cluster at ${list}`;
  return `Redis at ${list}${database > 0 ? `, database ${database}` : ""}`;
}
