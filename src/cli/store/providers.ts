import type { Settings } from "../../server/settings/settings.ts";
import { type StoreKind, storeKindOf } from "../../server/settings/store-kind.ts";
import { embeddedStore } from "./embedded-store.ts";
import type { StoreProvider } from "./provider.ts";
import { redisStore } from "./redis-store.ts";

/** The one table of technologies: a new one gets its row here, and its name in StoreKind. */
const PROVIDERS: Readonly<Record<StoreKind, (settings: Settings) => StoreProvider>> = {
  embedded: embeddedStore,
  redis: redisStore,
};

/** Returns the store that the settings choose. Opens nothing. */
export function storeProvider(settings: Settings): StoreProvider {
  return PROVIDERS[storeKindOf(settings)](settings);
}
