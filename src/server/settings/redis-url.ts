import type { RedisAddress } from "../../core/redis-address.ts";
import type { ParseResult } from "./parser.ts";

const FORM =
  "must be redis://[user:password@]host[:port][/database], rediss:// for TLS, redis://host1,host2,… for Cluster, or redis+sentinel://host1,host2/name for Sentinel; in a password write @ as %40, / as %2F and % as %25";

/**
 * Reads REDIS_URL. Several hosts, or `?cluster=true` with one, mean Redis Cluster; `rediss+sentinel` is Sentinel with TLS.
 *
 * Not the platform's parser: it does not know several hosts.
 */
export function parseRedisUrl(text: string): ParseResult<RedisAddress> {
  const match = /^(rediss?)(\+sentinel)?:\/\/(?:([^@/?]*)@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/i.exec(text);
  if (match === null) return { problem: FORM };
  const [, scheme = "", sentinel, credentials, hostList = "", path = "", query = ""] = match;
  const defaultPort = sentinel === undefined ? 6379 : 26379;
  const hosts = hostList.split(",").map((each) => parseHost(each, defaultPort));
  if (!hosts.every((host) => host !== undefined)) return { problem: FORM };
  const separator = credentials?.indexOf(":") ?? -1;
  const username = decode(separator < 0 ? undefined : credentials?.slice(0, separator));
  const password = decode(separator < 0 ? credentials : credentials?.slice(separator + 1));
  const signIn = { ...(username && { username }), ...(password && { password }) };
  const common = { hosts, tls: scheme.toLowerCase() === "rediss", ...signIn };
  if (sentinel !== undefined) {
    if (!/^[A-Za-z0-9._-]+$/.test(path)) return { problem: FORM };
    return { value: { kind: "sentinel", ...common, primary: path, database: 0 } };
  }
  const isCluster = hosts.length > 1 || new URLSearchParams(query).get("cluster") === "true";
  if (!/^\d{0,4}$/.test(path) || (isCluster && Number(path) > 0)) return { problem: FORM };
  return { value: { kind: isCluster ? "cluster" : "standalone", ...common, database: Number(path) } };
}

function parseHost(text: string, defaultPort: number): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  return host === undefined || port < 1 || port > 65535 ? undefined : { host, port };
}

function decode(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return text;
  }
}
