import type { RedisAddress } from "../../core/redis-address.ts";
import type { Settings } from "./settings.ts";

/** Returns the address of Redis in the settings; undefined for the embedded store. */
export function redisAddressOf({
  redisUrl,
  redisHost,
  redisPort,
  redisUsername,
  redisPassword,
}: Pick<Settings, "redisUrl" | "redisHost" | "redisPort" | "redisUsername" | "redisPassword">):
  | RedisAddress
  | undefined {
  const signIn = {
    ...(redisUsername !== undefined && { username: redisUsername }),
    ...(redisPassword !== undefined && { password: redisPassword }),
  };
  if (redisUrl !== undefined) return { ...signIn, ...redisUrl };
  if (redisHost === undefined) return undefined;
  const hosts = [{ host: redisHost, port: redisPort }];
  return { kind: "standalone", hosts, tls: false, ...signIn, database: 0 };
}
