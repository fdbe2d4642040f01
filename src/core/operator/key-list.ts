// The list of API keys: those of the store, and those of a server's setting.
import type { ApiKey } from "../access/api-keys.ts";
import type { StoredApiKey } from "../ports/access/api-keys.ts";

type AnyKey = ApiKey | StoredApiKey;

/** A place in the list. Two keys may have the same name while one replaces the other, so the name alone is none. */
export function placeOf({ name, hash }: ApiKey): string {
  return `${name} ${hash.slice(0, 16)}`;
}

/** Returns the keys after the place `after`, ordered by name. */
export function pageOfKeys(
  keys: readonly AnyKey[],
  { limit, after = "" }: { readonly limit: number; readonly after?: string | undefined },
): { readonly keys: readonly AnyKey[]; readonly more: boolean } {
  const places = keys.map((key) => ({ key, place: placeOf(key) })).filter(({ place }) => place > after);
  places.sort((one, other) => (one.place < other.place ? -1 : 1));
  return { keys: places.slice(0, limit).map(({ key }) => key), more: places.length > limit };
}
