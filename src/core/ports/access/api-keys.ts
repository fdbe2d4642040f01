// The port for API keys that are made and revoked while servers run. `test/contracts/api-keys.ts` is the contract.
import type { ApiKey } from "../../access/api-keys.ts";

/** An API key in the store. The key itself is in no store: `hash` is its SHA-256. */
export interface StoredApiKey extends ApiKey {
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** The name of the API key that made it; undefined where the command line did. */
  readonly by: string | undefined;
}

/**
 * Called after keys were added or removed, and when that may have been missed: it reads `list` again. When it rejects, it is
 * called again.
 */
export type ApiKeyListener = () => Promise<void> | void;

export interface ApiKeyStore {
  /** MUST be ordered by name. */
  list(): Promise<StoredApiKey[]>;
  /**
   * Adds a key. MUST leave an existing one of the same name unchanged (`taken`), and keep no more than MAX_STORED_API_KEYS
   * (`full`).
   */
  add(key: StoredApiKey): Promise<"added" | "taken" | "full">;
  /** Returns whether it existed. */
  remove(name: string): Promise<boolean>;
  /**
   * Reports every change: one of this store before its call resolves, one made by another process within a second. Returns a
   * function that stops it.
   */
  watch(listener: ApiKeyListener): () => void;
}

/** Most keys in a store: every node holds all of them in memory. */
export const MAX_STORED_API_KEYS = 1_000;
