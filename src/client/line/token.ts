import { TOKEN_REFRESH_MARGIN_MS, TOKEN_TIMEOUT_MS } from "../options.ts";
import { type Timing, within } from "../timing.ts";
import type { TokenSource } from "../types/options.ts";

/** Caches one user's token for all conversations, and requests another when it expires. */
export interface TokenCache {
  /** Whether another token can be requested: the application gave a function. */
  readonly isRenewable: boolean;
  /**
   * Resolves with a token other than `refused`: the cached one, or else a new one. Conversations that ask at the same time
   * get the same; undefined: the user is signed out. Rejects when the function does, or after `TOKEN_TIMEOUT_MS`.
   */
  get(refused: string | undefined): Promise<string | undefined>;
  /** The next `get` calls the function again instead of waiting for the call in progress, which may never settle. */
  abandon(): void;
}

export function createTokenCache(source: TokenSource, timing: Timing): TokenCache {
  let token: string | undefined;
  /** When `token` stops being used for new connections, by the clock of `timing`. */
  let goodUntil = 0;
  let pending: Promise<string | undefined> | undefined;
  if (typeof source === "string") return { isRenewable: false, get: async () => source, abandon() {} };
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
    abandon() {
      pending = undefined;
    },
  };
}

/** Returns the user that a token names; undefined if it cannot be read. */
export function subjectOf(token: string | undefined): string | undefined {
  const { sub } = claimsOf(token);
  return typeof sub === "string" ? sub : undefined;
}

/**
 * Returns how long a token that was just issued is valid at most, in milliseconds; undefined if it names no end. The local
 * clock may be wrong: `exp - iat` gives the lifetime by the issuer's clock, and the local clock can only shorten it. If the
 * token expires earlier than that, the server rejects it, and another one is requested.
 */
export function lifetimeOf(token: string | undefined): number | undefined {
  const { exp, iat } = claimsOf(token);
  if (typeof exp !== "number") return undefined;
  const left = exp * 1000 - Date.now();
  const whole = typeof iat === "number" ? (exp - iat) * 1000 : Infinity;
  const life = left > 0 ? Math.min(left, whole) : whole;
  return life > 0 ? life : undefined;
}

/** Returns the claims without verifying them: verifying is the server's task. Empty if the text is not a JWT. */
function claimsOf(token: string | undefined): {
  readonly sub?: unknown;
  readonly exp?: unknown;
  readonly iat?: unknown;
} {
  try {
    // atob returns one character per byte; user names are ASCII, so nothing is lost.
    return JSON.parse(atob(token!.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return {};
  }
}
