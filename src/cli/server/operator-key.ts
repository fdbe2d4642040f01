import { API_KEY_PREFIX } from "../../server/authentication/api-keys.ts";
import { UsageError } from "../cli-error.ts";

/** Returns the API key of PARLEY_API_KEY; undefined where it is not set. Throws UsageError for what is no API key. */
export function readOperatorKey(): string | undefined {
  const key = process.env.PARLEY_API_KEY;
  if (!key) return undefined;
  if (!key.startsWith(API_KEY_PREFIX))
    throw new UsageError(`PARLEY_API_KEY is no API key: one begins with ${API_KEY_PREFIX}.`);
  return key;
}
