import { TOKEN_MARGIN, type TokenSource } from "./options.ts";

/** Keeps the token of all conversations of one user, and asks for another when it ends. */
export interface TokenKeeper {
  /** Whether another token can be asked for. */
  readonly isRenewable: boolean;
  /**
   * A token that is not `refused`: the one at hand, or else a new one. Conversations that ask at the same time get the
   * same; undefined: there is none. Rejects as the function does.
   */
  get(refused: string | undefined): Promise<string | undefined>;
}

export function createTokenKeeper(source: TokenSource): TokenKeeper {
  let token: string | undefined;
  let asking: Promise<string | undefined> | undefined;
  if (typeof source === "string") return { isRenewable: false, get: async () => source };
  return {
    isRenewable: true,
    async get(refused) {
      const isGood = token !== undefined && token !== refused && !isEnding(token);
      if (isGood) return token;
      asking ??= Promise.resolve()
        .then(source)
        .finally(() => {
          asking = undefined;
        });
      token = await asking;
      return token;
    },
  };
}

/** The user that a token names, if it can be read. */
export function subjectOf(token: string): string | undefined {
  const { sub } = claimsOf(token);
  return typeof sub === "string" ? sub : undefined;
}

function isEnding(token: string): boolean {
  const { exp } = claimsOf(token);
  return typeof exp === "number" && exp * 1000 < Date.now() + TOKEN_MARGIN;
}

/** The claims, which are read and not verified: that is the server's work. */
function claimsOf(token: string): { readonly sub?: unknown; readonly exp?: unknown } {
  try {
    // atob gives a character for each byte; names are ASCII, so nothing is lost by that.
    return JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return {};
  }
}
