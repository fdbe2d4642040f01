import { formatDuration } from "../format.ts";
import { serverAddress } from "../server-address.ts";

/** What `GET /config.json` tells the page before anybody has signed in. */
export interface ServerFacts {
  readonly demo: readonly { readonly user: string; readonly plan: string }[];
  /** Whether the server does faults on request (`POST /test/faults`). */
  readonly faults: boolean;
  readonly version?: string;
}

/**
 * A sign-in that lasts; several clients may share one. Its tokens are in memory only (SEC-P1): a reload ends it, and no
 * storage has them.
 */
export interface Login {
  /**
   * Makes a function for one client: the token, and from the second call on another one; undefined when the sign-in has
   * ended. It rejects when that cannot be told now.
   */
  source(): () => Promise<string | undefined>;
  /** The token as it is now, for HTTP requests. */
  access(): string;
  /** Has the server forget it, as far as it can be reached. */
  end(): void;
}

interface Tokens {
  readonly access: string;
  /** Missing where the server gives out none. */
  readonly refresh: string | undefined;
}

/** How long the server may take to answer, in milliseconds: where many sign in at once, each waits for its turn. */
export const REQUEST_TIMEOUT_MS = 120_000;

/** Asks `POST /token` to let `username` in. Never throws: what goes wrong is answered in words. */
export async function signIn(
  username: string,
  password: string,
): Promise<{ readonly login: Login } | { readonly problem: string }> {
  let response: Response;
  try {
    response = await requestToken({ grant_type: "password", username, password, scope: "offline_access" });
  } catch {
    return { problem: "The server does not answer. Is it running, and are you online?" };
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
    // A refusal ends the sign-in; a server that is busy or at fault may do better later.
    else if (response.status !== 400 && response.status !== 401) throw new Error(`HTTP ${response.status}`);
    return renewed?.access;
  }

  return {
    source() {
      let given: string | undefined;
      return async () => {
        // Another client of this sign-in may have renewed it meanwhile; two that ask at once are given the same.
        if (given === tokens.access) {
          const { refresh } = tokens;
          if (refresh === undefined) return undefined;
          renewing ??= renew(refresh).finally(() => {
            renewing = undefined;
          });
          if ((await renewing) === undefined) return undefined;
        }
        given = tokens.access;
        return given;
      };
    },
    access: () => tokens.access,
    end() {
      const { access, refresh } = tokens;
      const headers = { Authorization: `Bearer ${access}` };
      const body = new URLSearchParams(refresh === undefined ? {} : { refresh_token: refresh });
      // Without an answer the tokens run out by themselves; nobody else has them.
      fetch(`${serverAddress()}/logout`, { method: "POST", headers, body }).catch(() => {});
    },
  };
}

/** A sign-in with a token that was made elsewhere; it lasts as long as the token, and is not ended here. */
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

/** What is known before the server has answered. */
export const NO_FACTS: ServerFacts = { demo: [], faults: false };

/** Reads `GET /config.json`: the demo accounts and the version. Without it the page works, with less on it. */
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

/** `detail` is a sentence, or FastAPI's list of faulty fields (SEC-S4); `Retry-After` says how long to wait. */
function problemOf(response: Response, body: Record<string, unknown>): string {
  if (response.status === 401) return "Wrong user name or password. Check both and try again.";
  const wait = Number(response.headers.get("Retry-After"));
  const when = wait > 0 ? ` Try again in ${formatDuration(wait * 1000)}.` : "";
  if (response.status === 429) return `Too many sign-ins were tried.${when || " Wait a little."}`;
  const said = typeof body.detail === "string" ? body.detail : body.error_description;
  if (typeof said === "string") return `${said}${/[.!?]$/.test(said) ? "" : "."}${when}`;
  return `The server refused the sign-in (HTTP ${response.status}).${when}`;
}
