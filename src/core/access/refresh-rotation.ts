// Refresh tokens let a sign-in last longer than one token. Each use of a refresh token returns its successor. A refresh
// token that is used a second time has two holders, and one of them may be a thief. So the whole family, which is all the
// tokens from one sign-in, is removed (RFC 9700 §4.14.2).
//
//   32 random bytes   ┌ family, 16 ┬ secret, 16 ┐   in base64url; only the SHA-256 of the whole token is stored
//
//   use                t0          t0 + 10 s
//   ───────────────────┼──────────────┼──────────────▶
//        successor     │  another one │  the family is removed
//                        (the response was lost, or two tabs used the token at once)
//
// Each token contains the id of its family, so the store need not keep used tokens: a token that names a family and is
// not one of its live tokens was used before.

/** How long a used token still gets a successor, in milliseconds. */
export const REFRESH_GRACE_MS = 10_000;

/**
 * The most unused tokens of a family. A family has more than one only where responses were lost. This is also the most
 * tokens that a family gets within one grace: otherwise a client that refreshes in a loop could fill the disk. So a family
 * also has at most this many used tokens in their grace.
 */
export const MAX_LIVE_TOKENS = 8;

/** The most families of one user. A further sign-in removes the oldest family. */
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
  /** The token is valid, but the family got too many tokens in a row. The same token works in `retryAfter` milliseconds. */
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

/** Drops the oldest unused tokens. A used token stays until its grace ends, or the next use by its holder would count as a theft. */
function dropSurplus(tokens: readonly LiveRefreshToken[]): readonly LiveRefreshToken[] {
  const unused = tokens.filter(({ usedAt }) => usedAt === undefined);
  const surplus = new Set(unused.slice(0, Math.max(0, unused.length - MAX_LIVE_TOKENS)));
  return tokens.filter((token) => !surplus.has(token));
}
