import { formatDuration } from "../format.ts";
import { serverAddress } from "../server-address.ts";

/** The facts from `GET /config.json`, which the page needs before the sign-in. */
export interface ServerFacts {
  readonly demo: readonly { readonly user: string; readonly plan: string }[];
  /** Whether the server injects faults on request (`POST /test/faults`). */
  readonly faults: boolean;
  readonly version?: string;
}

/**
 * A signed-in session, which several clients may share. Its tokens are in memory only (SEC-P1): a reload ends it.
 */
export interface Login {
  /**
   * Returns a token function for one client: it resolves with the current token first, then with renewed ones; undefined
   * if the session has ended. It rejects if the server cannot be reached.
   */
  source(): () => Promise<string | undefined>;
  /** The current token, for HTTP requests. */
  access(): string;
  /** Revokes the session at the server, if that can be reached. */
  end(): void;
}

interface Tokens {
  readonly access: string;
  /** Missing if the server issues no refresh tokens. */
  readonly refresh: string | undefined;
}

/** How long the server may take to respond, in milliseconds: many sign-ins at once are queued. */
export const REQUEST_TIMEOUT_MS = 120_000;

/** Signs in with `POST /token`. Never throws: resolves with an error text instead. */
export async function signIn(
  username: string,
  password: string,
): Promise<{ readonly login: Login } | { readonly problem: string }> {
  let response: Response;
  try {
    response = await requestToken({ grant_type: "password", username, password, scope: "offline_access" });
  } catch {
    return { problem: "The server does not respond. Is it running, and are you online?" };
  }
  const body = await readObject(response);
  const tokens = response.ok ? tokensOf(body) : undefined;
  return tokens === undefined ? { problem: problemOf(response, body) } : { login: createLogin(tokens) };
}

function createLogin(first: Tokens): Login {
  let tokens = first;
  let renewing: Promise<string | undefined> | undefined;

  async function renew(refresh: string): Promise<string | undefined> {
    const response = await requestToken({ grant_type: "refresh_token", refresh_token: refresh });
    const renewed = response.ok ? tokensOf(await readObject(response)) : undefined;
    if (renewed !== undefined) tokens = renewed;
    // A rejection ends the session; after a server error or overload it is worth trying again.
    else if (response.status !== 400 && response.status !== 401) throw new Error(`HTTP ${response.status}`);
    return renewed?.access;
  }

  return {
    source() {
      let lastReturned: string | undefined;
      return async () => {
        // Another client of this session may already have renewed the token; concurrent calls share one renewal.
        if (lastReturned === tokens.access) {
          const { refresh } = tokens;
          if (refresh === undefined) return undefined;
          renewing ??= renew(refresh).finally(() => {
            renewing = undefined;
          });
          if ((await renewing) === undefined) return undefined;
        }
        lastReturned = tokens.access;
        return lastReturned;
      };
    },
    access: () => tokens.access,
    end() {
      const { access, refresh } = tokens;
      const headers = { Authorization: `Bearer ${access}` };
      const body = new URLSearchParams(refresh === undefined ? {} : { refresh_token: refresh });
      // If the server does not respond, the tokens expire on their own.
      fetch(`${serverAddress()}/logout`, { method: "POST", headers, body }).catch(() => {});
    },
  };
}

/** Returns a session with a token from elsewhere; it lasts as long as the token, and is not revoked here. */
export function pastedLogin(token: string): Login {
  return {
    source: () => createLogin({ access: token, refresh: undefined }).source(),
    access: () => token,
    end() {},
  };
}

function requestToken(fields: Record<string, string>): Promise<Response> {
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  return fetch(`${serverAddress()}/token`, { method: "POST", body: new URLSearchParams(fields), signal });
}

function tokensOf(body: Record<string, unknown>): Tokens | undefined {
  const { access_token: access, refresh_token: refresh } = body;
  if (typeof access !== "string") return undefined;
  return { access, refresh: typeof refresh === "string" ? refresh : undefined };
}

/** The facts that are assumed before the server has responded. */
export const NO_FACTS: ServerFacts = { demo: [], faults: false };

/** Reads the demo accounts and the version from `GET /config.json`. The page also works without them. */
export async function readServerFacts(): Promise<ServerFacts> {
  try {
    const body = await readObject(
      await fetch(`${serverAddress()}/config.json`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) }),
    );
    const demo = Array.isArray(body.demo) ? (body.demo as unknown[]).filter(isDemoAccount) : [];
    const faults = body.faults === true;
    return { demo, faults, ...(typeof body.version === "string" && { version: body.version }) };
  } catch {
    return NO_FACTS;
  }
}

function isDemoAccount(value: unknown): value is ServerFacts["demo"][number] {
  const account = value as { user?: unknown; plan?: unknown } | null;
  return typeof account?.user === "string" && typeof account.plan === "string";
}

async function readObject(response: Response): Promise<Record<string, unknown>> {
  const value: unknown = await response.json().catch(() => undefined);
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Returns an error text: `detail` is a sentence, or FastAPI's list of invalid fields (SEC-S4); `Retry-After` is the wait. */
function problemOf(response: Response, body: Record<string, unknown>): string {
  if (response.status === 401) return "Wrong user name or password. Check both and try again.";
  const wait = Number(response.headers.get("Retry-After"));
  const when = wait > 0 ? ` Try again in ${formatDuration(wait * 1000)}.` : "";
  if (response.status === 429) return `Too many sign-ins were tried.${when || " Wait a little."}`;
  const text = typeof body.detail === "string" ? body.detail : body.error_description;
  if (typeof text === "string") return `${text}${/[.!?]$/.test(text) ? "" : "."}${when}`;
  return `The server refused the sign-in (HTTP ${response.status}).${when}`;
}
