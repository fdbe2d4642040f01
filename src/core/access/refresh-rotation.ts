// Refresh tokens: a sign-in that lasts longer than a token. Each use gives the next one, and one that comes a second
// time was copied, by a thief or from one: the whole family, all that came of one sign-in, ends (RFC 9700 §4.14.2).
//
//   32 random bytes   ┌ family, 16 ┬ secret, 16 ┐   in base64url; of the whole only the SHA-256 is stored
//
//   use                t0          t0 + 10 s
//   ───────────────────┼──────────────┼──────────────▶
//        successor     │  another one │  the family ends
//                        (the answer was lost, or two tabs asked at once)
//
// The family is part of each token, so that used ones need not be remembered: whatever names a family and is none of
// its live tokens, was used.

/** How long a used token still gets a successor, in milliseconds. */
export const REFRESH_GRACE_MS = 10_000;

/**
 * Tokens of a family that were not used, at most; there are several only where answers were lost. No more than these are
 * given out within one grace, either: whoever makes tokens and signs them out in a loop would fill the disk. So there are at
 * most as many that were used and are in their grace.
 */
export const MAX_LIVE_TOKENS = 8;

/** Families of one user at most: the oldest sign-in makes room. */
export const MAX_FAMILIES_PER_USER = 50;

export interface LiveRefreshToken {
  /** SHA-256 of the token, in hex. */
  readonly hash: string;
  /** Milliseconds since 1970, like all times here. */
  readonly issuedAt: number;
  /** When it was first used; undefined when it was not. */
  readonly usedAt?: number;
}

/** The state of one sign-in. */
export interface RefreshFamily {
  readonly id: string;
  readonly user: string;
  /** `createdAt` of the account that signed in: a later account with the same name is another user. */
  readonly account: number;
  readonly signedInAt: number;
  /** Moves on with each use. */
  readonly expiresAt: number;
  readonly tokens: readonly LiveRefreshToken[];
}

export type RefreshDecision =
  | { readonly outcome: "rotate"; readonly family: RefreshFamily }
  | { readonly outcome: "expired" }
  /** Good, but too many were asked for in a row; the same one is good again in `retryAfter` milliseconds. */
  | { readonly outcome: "too_soon"; readonly retryAfter: number }
  | { readonly outcome: "reused" };

export interface Rotation {
  /** Hash of the token that was presented. */
  readonly presented: string;
  /** Hash of the token that would follow it. */
  readonly successor: string;
  /** Milliseconds. */
  readonly lifetime: number;
  readonly now: number;
}

/** Decides about a token that names `family`, and returns the family after a valid one. */
export function decideRefresh(
  family: RefreshFamily,
  { presented, successor, lifetime, now }: Rotation,
): RefreshDecision {
  if (now >= family.expiresAt) return { outcome: "expired" };
  const live = family.tokens.filter(({ usedAt }) => usedAt === undefined || now - usedAt < REFRESH_GRACE_MS);
  if (!live.some(({ hash }) => hash === presented)) return { outcome: "reused" };
  const recent = family.tokens.filter(({ issuedAt }) => now - issuedAt < REFRESH_GRACE_MS);
  if (recent.length >= MAX_LIVE_TOKENS)
    return { outcome: "too_soon", retryAfter: recent[0]!.issuedAt + REFRESH_GRACE_MS - now };
  const used = live.map((token) =>
    // The first use begins the grace; a retry does not lengthen it.
    token.hash === presented && token.usedAt === undefined ? { ...token, usedAt: now } : token,
  );
  const tokens = dropSurplus([...used, { hash: successor, issuedAt: now }]);
  return { outcome: "rotate", family: { ...family, expiresAt: now + lifetime, tokens } };
}

/** Drops the oldest unused tokens. One within its grace stays, or its holder would be taken for a thief. */
function dropSurplus(tokens: readonly LiveRefreshToken[]): readonly LiveRefreshToken[] {
  const unused = tokens.filter(({ usedAt }) => usedAt === undefined);
  const surplus = new Set(unused.slice(0, Math.max(0, unused.length - MAX_LIVE_TOKENS)));
  return tokens.filter((token) => !surplus.has(token));
}
