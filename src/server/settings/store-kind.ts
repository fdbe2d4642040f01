import type { Settings } from "./settings.ts";

/** The technologies that a server can keep its data in. */
export type StoreKind = "embedded" | "redis";

/** Returns the technology that the settings choose: Redis where they name one, else the files in DATA_DIR. */
export function storeKindOf({
  redisHost,
  redisUrl,
}: Partial<Pick<Settings, "redisHost" | "redisUrl">>): StoreKind {
  return redisHost === undefined && redisUrl === undefined ? "embedded" : "redis";
}
