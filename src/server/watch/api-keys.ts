import type { Emit } from "../../core/events/events.ts";
import type { ApiKeyStore } from "../../core/ports/access/api-keys.ts";
import { type ApiKeys, credentialIdOf } from "../authentication/api-keys.ts";

export interface ApiKeyWatchDeps {
  readonly store: Pick<ApiKeyStore, "list" | "watch">;
  readonly apiKeys: ApiKeys;
  readonly emit: Emit;
  /** Ends the open streams that were written with these credentials. */
  readonly refuseStreams: (credentialIds: ReadonlySet<string>) => void;
}

/**
 * Reads the keys of the store, and again after each change, wherever it was made (OA1). Each change causes an event. Returns a
 * function that stops it. Where the store cannot be read, it rejects and watches nothing. MUST be done before the server listens, or keys of the store
 * would be refused.
 */
export async function watchApiKeys(deps: ApiKeyWatchDeps): Promise<() => void> {
  const { store, apiKeys, emit, refuseStreams } = deps;
  const stopEnding = apiKeys.onRevoked((key) => refuseStreams(new Set([credentialIdOf(key)])));
  // Before the first reading, so that no change is missed in between.
  const stopWatching = store.watch(async () => {
    const { added, revoked } = apiKeys.use(await store.list());
    for (const { name, rights } of added) emit("api_key.added", { key: name, rights });
    for (const { name } of revoked) emit("api_key.revoked", { key: name });
  });
  const stop = () => {
    stopWatching();
    stopEnding();
  };
  try {
    apiKeys.use(await store.list());
  } catch (error) {
    stop();
    throw error;
  }
  return stop;
}
