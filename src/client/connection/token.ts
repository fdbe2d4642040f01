import { TOKEN_REFRESH_MARGIN_MS, TOKEN_TIMEOUT_MS, type TokenSource } from "../options.ts";
import { type Timing, within } from "../timing.ts";

/** Keeps the token of all conversations of one user, and asks for another when it ends. */
export interface TokenCache {
  /** Whether another token can be asked for. */
  readonly isRenewable: boolean;
  /**
   * A token that is not `refused`: the one at hand, or else a new one. Conversations that ask at the same time get the
   * same; undefined: there is none. Rejects as the function does, and when it has not settled after `TOKEN_TIMEOUT_MS`.
   */
  get(refused: string | undefined): Promise<string | undefined>;
  /** The function may never settle: the next `get` does not wait for it, but calls it anew. */
  abandonPending(): void;
}

export function createTokenCache(source: TokenSource, timing: Timing): TokenCache {
  let token: string | undefined;
  /** From when on `token` is no longer used for a new connection, by the clock of `timing`. */
  let goodUntil = 0;
  let pending: Promise<string | undefined> | undefined;
  if (typeof source === "string") return { isRenewable: false, get: async () => source, abandonPending() {} };
  const call = source;

  function fetchToken(): Promise<string | undefined> {
    const mine = within(timing, TOKEN_TIMEOUT_MS, "token", Promise.resolve().then(call)).then((next) => {
      if (mine === pending) remember(next);
      return next;
    });
    const forget = () => {
      if (mine === pending) pending = undefined;
    };
    mine.then(forget, forget);
    return mine;
  }

  function remember(next: string | undefined): void {
    token = next;
    const life = lifetimeOf(next) ?? Infinity;
    goodUntil = timing.now() + life - Math.min(TOKEN_REFRESH_MARGIN_MS, life / 4);
  }

  return {
    isRenewable: true,
    async get(refused) {
      if (token !== undefined && token !== refused && timing.now() < goodUntil) return token;
      pending ??= fetchToken();
      return pending;
    },
    abandonPending() {
      pending = undefined;
    },
  };
}

/** The user that a token names, if it can be read. */
export function subjectOf(token: string | undefined): string | undefined {
  const { sub } = claimsOf(token);
  return typeof sub === "string" ? sub : undefined;
}

/**
 * How long a token that was just given lives at most, in milliseconds; undefined if it does not say. Both clocks may be
 * wrong: the issuer's own two times say how long it is good for, and the time of day only whether some of that is over.
 * A token that ends earlier is refused by the server, and another one is asked for.
 */
export function lifetimeOf(token: string | undefined): number | undefined {
  const { exp, iat } = claimsOf(token);
  if (typeof exp !== "number") return undefined;
  const left = exp * 1000 - Date.now();
  const whole = typeof iat === "number" ? (exp - iat) * 1000 : Infinity;
  const life = left > 0 ? Math.min(left, whole) : whole;
  return life > 0 ? life : undefined;
}

/** The claims, which are read and not verified: that is the server's work. None where there is no token, or none of this form. */
function claimsOf(token: string | undefined): {
  readonly sub?: unknown;
  readonly exp?: unknown;
  readonly iat?: unknown;
} {
  try {
    // atob gives a character for each byte; names are ASCII, so nothing is lost by that.
    return JSON.parse(atob(token!.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return {};
  }
}
