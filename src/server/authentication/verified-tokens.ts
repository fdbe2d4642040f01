import { LruMap } from "../../core/collections/lru-map.ts";
import type { VerifiedToken } from "./verified-token.ts";

/** Tokens remembered; at some 350 bytes each this is below 3 MB. */
const MAX_TOKENS = 8192;

/**
 * The tokens whose signature was checked last, so that who comes back with the same one, as a client does whose line was
 * cut, costs no check. They are known by their hash: what lies in memory cannot be used to sign in.
 *
 * Only what never changes about a token is remembered. Whether it is revoked, and what its account says, is asked each
 * time.
 */
export class VerifiedTokens {
  private readonly known = new LruMap<VerifiedToken>(MAX_TOKENS);

  /** The name under which a token is known here: its hash. Its size MUST be bounded before. */
  keyOf(token: string): string {
    return Bun.SHA256.hash(token, "base64");
  }

  /** The content of the token called `name`, when its signature is known to be valid and `now` is between its times. */
  find(name: string, now: number): VerifiedToken | undefined {
    const known = this.known.get(name);
    if (known === undefined) return undefined;
    // At the edges of its lifetime, where the leeway counts, the token is checked in full.
    if (now < known.issuedAt || now >= known.expiresAt) {
      this.known.delete(name);
      return undefined;
    }
    this.known.set(name, known);
    return known;
  }

  /** Remembers a genuine token, in place of the least recently used one. */
  add(name: string, verified: VerifiedToken): void {
    this.known.set(name, verified);
  }
}
