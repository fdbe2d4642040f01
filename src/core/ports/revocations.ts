// The port for revocations (SEC-T5, A3): tokens that are refused though they are genuine and have not expired.
import type { ListPage } from "../collections/list-page.ts";

/** The claims of a token that decide whether it is revoked. */
export interface RevocableToken {
  /** Its `jti`. */
  readonly id: string;
  readonly subject: string;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
}

/** One token, or all tokens of a user that were issued earlier than `before` (milliseconds since 1970). */
export type Revocation = { readonly tokenId: string } | { readonly user: string; readonly before: number };

export type RevocationListener = (revocation: Revocation) => void;

export interface RevocationStore {
  /**
   * Revokes one token, which expires at `expiresAt` (milliseconds since 1970; `NEVER` where it is not known). The store
   * MUST keep the revocation for REVOCATION_LEEWAY_MS beyond that, since clocks differ.
   */
  revokeToken(id: string, expiresAt: number): Promise<void>;
  /** Revokes tokens issued to `user` before `before`. MUST NOT undo what an earlier call has revoked. */
  revokeUser(user: string, before: number): Promise<void>;
  isRevoked(token: RevocableToken): Promise<boolean>;
  /** Returns some of the revocations that are kept; undefined for a `cursor` that is no `next` of an earlier page. */
  list(limit: number, cursor?: string): Promise<ListPage<Revocation> | undefined>;
  /**
   * Reports every revocation, also one made by another process, within a second. Returns a function that stops it.
   *
   * `onGap` is called when revocations may have been missed, because the store was unavailable or has lost data. It MUST
   * check each token in use again with `isRevoked`. When it rejects, it is called again.
   */
  watch(listener: RevocationListener, onGap?: () => Promise<void> | void): () => void;
}

/** For a token whose expiry is unknown. */
export const NEVER = Number.MAX_SAFE_INTEGER;

/** How long a revocation is kept after the token's expiry, in milliseconds: longer than the longest TOKEN_LEEWAY. */
export const REVOCATION_LEEWAY_MS = 3_600_000;
