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
 * A signed-in session, which several clients may share. The access token is in memory only; the refresh token is in a cookie that
 * this page cannot read (SEC-P1), so that a reload goes on with the session.
 */
export interface Login {
  /**
   * Returns a token function for one client: it resolves with the current token first, then with renewed ones; undefined
   * if the session has ended. It rejects if the server cannot be reached.
   */
  source(): () => Promise<string | undefined>;
  /** The current token, for HTTP requests. */
  access(): string;
  /** Whether a reload can go on with it: the server keeps a session for this page. */
  readonly isKept: boolean;
  /** Revokes the session at the server, if that can be reached. */
  end(): void;
}

/** How long the server may take to respond, in milliseconds: many sign-ins at once are queued. */
export const REQUEST_TIMEOUT_MS = 120_000;

/** Signs in as docs/decisions/0033-session-of-the-console.md says. Never throws: resolves with an error text instead. */
export async function signIn(
  username: string,
  password: string,
): Promise<{ readonly login: Login } | { readonly problem: string }> {
  let response: Response;
  try {
    response = await postSession("token", { username, password });
  } catch {
    return { problem: "The server does not respond. Is it running, and are you online?" };
  }
  const body = await readObject(response);
  const access = response.ok ? tokenOf(body) : undefined;
  if (access === undefined) return { problem: problemOf(response, body) };
  return { login: createLogin(username, access, body.refresh_expires_in !== undefined) };
}

/** Returns the session of `username` that a reload interrupted; undefined if there is none, or the server does not respond. */
export async function resumeLogin(username: string): Promise<Login | undefined> {
  try {
    const access = await renewedToken(username);
    return access === undefined ? undefined : createLogin(username, access, true);
  } catch {
    return undefined;
  }
}

/** `user` is undefined for a token from elsewhere, which cannot be renewed. */
function createLogin(user: string | undefined, first: string, isKept: boolean): Login {
  let current = first;
  let renewing: Promise<string | undefined> | undefined;

  async function renew(name: string): Promise<string | undefined> {
    const renewed = await renewedToken(name);
    if (renewed !== undefined) current = renewed;
    return renewed;
  }

  return {
    isKept,
    source() {
      let lastReturned: string | undefined;
      return async () => {
        // Another client of this session may already have renewed the token; concurrent calls share one renewal.
        if (lastReturned === current) {
          if (user === undefined || !isKept) return undefined;
          renewing ??= renew(user).finally(() => {
            renewing = undefined;
          });
          if ((await renewing) === undefined) return undefined;
        }
        lastReturned = current;
        return lastReturned;
      };
    },
    access: () => current,
    end() {
      if (user === undefined) return;
      // If the server does not respond, the tokens expire on their own. A page that is being left may still send these.
      const headers = { Authorization: `Bearer ${current}` };
      fetch(`${serverAddress()}/logout`, { method: "POST", headers, keepalive: true }).catch(() => {});
      if (isKept) postSession("end", { username: user }).catch(() => {});
    },
  };
}

/** Returns a session with a token from elsewhere; it lasts as long as the token, and is not revoked here. */
export function pastedLogin(token: string): Login {
  return {
    isKept: false,
    source: () => createLogin(undefined, token, false).source(),
    access: () => token,
    end() {},
  };
}

/** Exchanges the cookie of `username` for a token; undefined if the session has ended. */
async function renewedToken(username: string): Promise<string | undefined> {
  const response = await postSession("token", { username });
  if (response.ok) return tokenOf(await readObject(response));
  // A rejection ends the session; after a server error or overload it is worth trying again.
  if (response.status !== 400 && response.status !== 401) throw new Error(`HTTP ${response.status}`);
  return undefined;
}

function postSession(verb: "token" | "end", fields: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(`${serverAddress()}/console/session/${verb}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(fields),
    keepalive: verb === "end",
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
}

function tokenOf({ access_token: access }: Record<string, unknown>): string | undefined {
  return typeof access === "string" ? access : undefined;
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
