import { TOKEN_MARGIN, type TokenSource } from "./options.ts";

/** Claims that are read, and not verified: that is the server's work. */
interface Claims {
  readonly sub?: unknown;
  readonly exp?: unknown;
}

/** Keeps the token of all conversations of one user, and asks for another when it ends. */
export class TokenKeeper {
  private token: string | undefined;
  private asking: Promise<string | undefined> | undefined;

  constructor(private readonly source: TokenSource) {
    if (typeof source === "string") this.token = source;
  }

  /** Whether another token can be asked for. */
  get isRenewable(): boolean {
    return typeof this.source === "function";
  }

  /**
   * A token that is not `refused`: the one at hand, or else a new one. Conversations that ask at the same time get the
   * same; undefined: there is none. Rejects as the function does.
   */
  async get(refused?: string): Promise<string | undefined> {
    const { source, token } = this;
    if (typeof source === "string") return source;
    if (token !== undefined && token !== refused && !isEnding(token)) return token;
    this.asking ??= Promise.resolve()
      .then(source)
      .finally(() => (this.asking = undefined));
    this.token = await this.asking;
    return this.token;
  }
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

function claimsOf(token: string): Claims {
  try {
    const payload = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    // atob gives a character for each byte; names are ASCII, so nothing is lost by that.
    return JSON.parse(atob(payload)) as Claims;
  } catch {
    return {};
  }
}
