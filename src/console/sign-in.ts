import type { ServerFacts } from "./state.ts";
import { duration } from "./wording.ts";

/** A token, or the reason in words why there is none. */
export type SignIn = { readonly token: string } | { readonly problem: string };

/** Asks `POST /token` for a token. Never throws: what goes wrong is answered in words. */
export async function signIn(username: string, password: string): Promise<SignIn> {
  let response: Response;
  try {
    response = await fetch("/token", {
      method: "POST",
      body: new URLSearchParams({ grant_type: "password", username, password }),
    });
  } catch {
    return { problem: "The server does not answer. Is it running, and are you online?" };
  }
  const body = await readObject(response);
  if (response.ok && typeof body.access_token === "string") return { token: body.access_token };
  return { problem: problemOf(response, body) };
}

/** Reads `GET /config.json`: the demo accounts and the version. Without it the page works, with less on it. */
export async function readServerFacts(): Promise<ServerFacts> {
  try {
    const body = await readObject(await fetch("/config.json"));
    const demo = Array.isArray(body.demo) ? (body.demo as unknown[]).filter(isDemoAccount) : [];
    return { demo, ...(typeof body.version === "string" && { version: body.version }) };
  } catch {
    return { demo: [] };
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

/** `detail` is a sentence, or FastAPI's list of faulty fields (S4); `Retry-After` says how long to wait. */
function problemOf(response: Response, body: Record<string, unknown>): string {
  if (response.status === 401) return "Wrong user name or password. Check both and try again.";
  const wait = Number(response.headers.get("Retry-After"));
  const when = wait > 0 ? ` Try again in ${duration(wait * 1000)}.` : "";
  if (response.status === 429) return `Too many sign-ins were tried.${when || " Wait a little."}`;
  const said = typeof body.detail === "string" ? body.detail : body.error_description;
  if (typeof said === "string") return `${said}${/[.!?]$/.test(said) ? "" : "."}${when}`;
  return `The server refused the sign-in (HTTP ${response.status}).${when}`;
}
