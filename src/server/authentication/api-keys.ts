import { createHash, randomBytes } from "node:crypto";
import type { ApiKey } from "../../core/access/api-keys.ts";
import type { StoredApiKey } from "../../core/ports/access/api-keys.ts";

/** The prefix of each key. It distinguishes keys from tokens, and scanners for leaked secrets can find it. */
export const API_KEY_PREFIX = "pk_";

/** Returns a new key of 256 random bits. */
export function newApiKey(): string {
  return `${API_KEY_PREFIX}${randomBytes(32).toString("base64url")}`;
}

/** Returns the stored form of a key: its SHA-256 in hex. A key of 256 random bits needs no salt and no slow hash. */
export function hashOfApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/**
 * Returns the id under which what a key has open is kept: its streams are ended by it. It has a blank, so that it is no id of
 * a token that this server signs.
 */
export function credentialIdOf({ hash }: Pick<ApiKey, "hash">): string {
  return `api key ${hash}`;
}

/** The keys that this node accepts: those of API_KEYS, and those of the store as this node has read them last. */
export class ApiKeys {
  private readonly revokedListeners = new Set<(key: ApiKey) => void>();
  private inStore: readonly StoredApiKey[] = [];
  private byHash: ReadonlyMap<string, ApiKey>;

  constructor(readonly configured: readonly ApiKey[]) {
    this.byHash = byHashOf(configured);
  }

  /** The keys of the store, ordered by name. */
  get stored(): readonly StoredApiKey[] {
    return this.inStore;
  }

  /**
   * Returns the entry of a presented key. It is looked up by its digest, of which no sender can choose a part: so the time of
   * the look-up reveals nothing of another key.
   */
  find(presented: string): ApiKey | undefined {
    return this.byHash.get(hashOfApiKey(presented));
  }

  /** Accepts these keys of the store from now on, and returns what has changed. */
  use(stored: readonly StoredApiKey[]): { readonly added: StoredApiKey[]; readonly revoked: StoredApiKey[] } {
    const before = new Set(this.inStore.map(({ hash }) => hash));
    const after = new Set(stored.map(({ hash }) => hash));
    const added = stored.filter(({ hash }) => !before.has(hash));
    const revoked = this.inStore.filter(({ hash }) => !after.has(hash));
    this.inStore = stored;
    this.byHash = byHashOf([...stored, ...this.configured]);
    for (const key of revoked) for (const listener of this.revokedListeners) listener(key);
    return { added, revoked };
  }

  /** Calls `listener` with each key that is not accepted any more: what it has open must end. Returns a function that stops it. */
  onRevoked(listener: (key: ApiKey) => void): () => void {
    this.revokedListeners.add(listener);
    return () => void this.revokedListeners.delete(listener);
  }

  /**
   * Watches one key for a request that waits. `signal` is aborted when the key is revoked, and is so already where it was
   * revoked since the request came. `stop` MUST be called.
   */
  watchKey(credentialId: string): { readonly signal: AbortSignal; stop(): void } {
    const controller = new AbortController();
    const stop = this.onRevoked((key) => {
      if (credentialIdOf(key) === credentialId) controller.abort();
    });
    const isAccepted = [...this.byHash.values()].some((key) => credentialIdOf(key) === credentialId);
    if (!isAccepted) controller.abort();
    return { signal: controller.signal, stop };
  }
}

function byHashOf(keys: readonly ApiKey[]): ReadonlyMap<string, ApiKey> {
  return new Map(keys.map((key) => [key.hash, key]));
}
