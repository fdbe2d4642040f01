import { LruMap } from "../../core/collections/lru-map.ts";
import type { VerifiedToken } from "./verified-token.ts";

/** The most tokens that are kept; at about 350 bytes each they take less than 3 MB. */
const MAX_TOKENS = 8192;

/**
 * The tokens whose signatures were checked last, so that a client that reconnects with the same token needs no new check.
 * They are stored by their hash: an attacker who reads the memory cannot use a hash to sign in.
 *
 * Only the unchangeable facts about a token are kept. Its revocation and its account are checked each time.
 */
export class VerifiedTokens {
  private readonly known = new LruMap<VerifiedToken>(MAX_TOKENS);

  /** Returns the key of a token in this cache: its hash. The caller MUST have limited the token's size. */
  keyOf(token: string): string {
    return Bun.SHA256.hash(token, "base64");
  }

  /** Returns the content of the token with the key `name`, if its signature is known to be valid and `now` is within its lifetime. */
  find(name: string, now: number): VerifiedToken | undefined {
    const known = this.known.get(name);
    if (known === undefined) return undefined;
    // Outside its lifetime, where the leeway may apply, the token is checked in full.
    if (now < known.issuedAt || now >= known.expiresAt) {
      this.known.delete(name);
      return undefined;
    }
    this.known.set(name, known);
    return known;
  }

  /** Adds a token with a valid signature, and drops the least recently used one where the cache is full. */
  add(name: string, verified: VerifiedToken): void {
    this.known.set(name, verified);
  }
}
