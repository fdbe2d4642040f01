import type { RedisAddress } from "../../../core/redis-address.ts";

/** Redis as it may be shown and logged: without user and password. */
export function describeAddress({ kind, hosts, primary, database }: RedisAddress): string {
  const list = hosts.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`).join(", ");
  if (kind === "sentinel") return `Redis "${primary}" by Sentinel at ${list}`;
  if (kind === "cluster") return `Redis Cluster at ${list}`;
  return `Redis at ${list}${database > 0 ? `, database ${database}` : ""}`;
}
