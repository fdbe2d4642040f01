import { subjectOf } from "../../client/line/token.ts";
import type { TokenSource } from "../../client/types/options.ts";
import type { ServerAddress as Address } from "../../conformance/server-address.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { DEMO_PASSWORD } from "../../server/authentication/demo-accounts.ts";
import { explainRequestError } from "../../server/request-errors.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { COMMAND } from "../installation.ts";
import { askHidden, readSecret } from "../terminal/password-prompt.ts";
import { printNote } from "../terminal/print.ts";
import type { Target } from "./target.ts";

/** A signed-in user. */
export interface Credential {
  readonly user: string;
  /** For the client library. */
  readonly source: TokenSource;
  /** Resolves with a valid token for one request: the current one of `source`, or a new one if that expires. */
  token(): Promise<string>;
}

/** How long the server may take to respond, in milliseconds: bcrypt takes 0.2 s, and other sign-ins may be queued. */
const REQUEST_TIMEOUT_MS = 15_000;

/** How long before it expires a token is renewed, in milliseconds: it must outlast a request. */
const RENEW_MARGIN_MS = 10_000;

/**
 * Signs in the user of `target`: with its token, or with a password, which is asked for on a terminal. Without a user and a
 * secret it uses a demo account, if the server has them: the first, or the last, which has the largest plan. Throws a
 * `CliError` with the reason and what to do.
 */
export async function signIn(target: Target, demoAccount: "first" | "last" = "first"): Promise<Credential> {
  const { secret } = target;
  if (secret !== undefined && "token" in secret) return withToken(target, secret.token, secret.from);
  const demo = secret === undefined ? await demoUsers(target) : [];
  const user = target.user?.value ?? demo.at(demoAccount === "first" ? 0 : -1);
  if (user === undefined)
    throw new UsageError("No user is given: use --user or --token, or select a context.");
  if (target.user === undefined)
    printNote(`Signed in as the demo account ${escapeControlChars(user)}; choose another user with --user.`);
  return signInAs(target, user, await findPassword(target, user, demo));
}

/** Signs in `user` with a password, which is also used to renew the token. Throws like `signIn`. */
export async function signInAs(address: Address, user: string, password: string): Promise<Credential> {
  warnOfPlainText(address);
  let current = await requestToken(address, user, password);
  let isUsed = false;
  const renew = async () => {
    current = await requestToken(address, user, password);
    return current.token;
  };
  return {
    user,
    async source() {
      if (isUsed) return renew().catch(endOrRetry);
      isUsed = true;
      return current.token;
    },
    token: async () => (performance.now() < current.endsAt - RENEW_MARGIN_MS ? current.token : renew()),
  };
}

function withToken({ user }: Target, token: string, from: string): Credential {
  const name = user?.value ?? subjectOf(token);
  if (name === undefined)
    throw new UsageError(`The token (${from}) names no user: check it, or give --user.`);
  return { user: name, source: token, token: async () => token };
}

async function findPassword(target: Target, user: string, demo: readonly string[]): Promise<string> {
  const { secret } = target;
  if (secret !== undefined && "password" in secret) return secret.password;
  if (secret !== undefined) return readSecret();
  if (demo.includes(user)) return DEMO_PASSWORD;
  if (process.stdin.isTTY) return askHidden(`Password of ${escapeControlChars(user)} at ${target.http}: `);
  throw new CliError(
    `${user} needs a token or a password: set PARLEY_TOKEN (\`${COMMAND} token ${user}\` on the server's machine prints one) or PARLEY_PASSWORD, or add --password-stdin.`,
  );
}

/** Returns the demo accounts that the server publishes. */
async function demoUsers(address: Address): Promise<readonly string[]> {
  const response = await fetchServer(address, "/config.json");
  const { demo } = await readJsonObject(response);
  if (!Array.isArray(demo)) return [];
  return demo.map((account: { user?: unknown }) => account?.user).filter((user) => typeof user === "string");
}

/** A rejection by the server that another attempt would not change. */
class SignInRefused extends CliError {}

/** Maps a failed renewal for the client library: undefined ends the session; after a throw it tries again. */
function endOrRetry(error: unknown): undefined {
  if (error instanceof SignInRefused) return undefined;
  throw error;
}

async function requestToken(
  address: Address,
  username: string,
  password: string,
): Promise<{ readonly token: string; readonly endsAt: number }> {
  const body = new URLSearchParams({ username, password });
  const response = await fetchServer(address, "/token", { method: "POST", body });
  const reply = await readJsonObject(response);
  const { access_token: token, expires_in: seconds } = reply;
  if (response.ok && typeof token === "string" && typeof seconds === "number")
    return { token, endsAt: performance.now() + seconds * 1000 };
  throw signInError(address, username, response, reply);
}

function signInError(
  { http }: Address,
  user: string,
  { status, headers }: Response,
  reply: Record<string, unknown>,
): CliError {
  const retryAfter = headers.get("Retry-After");
  const detail = typeof reply.error_description === "string" ? `: ${reply.error_description}` : "";
  if (status === 401)
    return new SignInRefused(`${user} cannot sign in at ${http}: wrong user name or password.`);
  if (status >= 300 && status < 400)
    return new CliError(
      `${http} redirects to ${headers.get("Location")}; the password was not sent there. Correct --url.`,
    );
  if (reply.code === undefined)
    return new CliError(`${http} is not a Parley server (/token returned status ${status}): check --url.`);
  const when = retryAfter === null ? "" : ` Try again in ${retryAfter} s.`;
  const text = `${user} cannot sign in at ${http} (status ${status}, ${reply.code})${detail.replace(/\.$/, "")}.${when}`;
  return retryAfter === null ? new SignInRefused(text) : new CliError(text);
}

/** Sends one request. Throws a `CliError` if the server does not respond. */
export async function fetchServer(
  { http }: Address,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  try {
    // A password must not be carried on to wherever the answer points.
    return await fetch(`${http}${path}`, {
      redirect: "manual",
      ...init,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch (error) {
    throw new CliError(
      `${http} cannot be reached (${explainRequestError(error)}). Check that the server is running (\`parley serve\`) and that --url is right.`,
    );
  }
}

/** Returns the JSON object of a response; an empty one if it contains something else. */
export async function readJsonObject(response: Response): Promise<Record<string, unknown>> {
  const body: unknown = await response.json().catch(() => undefined);
  return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
}

function warnOfPlainText({ http }: Address): void {
  const { protocol, hostname } = new URL(http);
  if (protocol === "https:" || /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)) return;
  printNote(`warning: the password is sent to ${http} without encryption; use https://.`);
}
