// The session of the console: its refresh token is in a cookie that scripts cannot read, so that a reload stays signed in and a
// script that got into the page cannot take the token away (docs/decisions/0033-session-of-the-console.md).
//
// The cookie has no `Path`. A browser then uses the folder of the request's address (RFC 6265 §5.1.4), `…/console/session`, as
// the browser sees it: behind a proxy with a path prefix the server does not know the prefix.
import { explainCookieRefusal } from "../../../core/access/origins.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { RefreshTokenStore } from "../../../core/ports/refresh-tokens.ts";
import { isIdentifier } from "../../../protocol/identifiers.ts";
import { familyIdOf } from "../../authentication/refresh.ts";
import type { HttpContext } from "../context.ts";
import { readFormFields } from "../form-fields.ts";
import { problem } from "../problem.ts";
import { refuseQuery } from "../query/refuse-query.ts";
import {
  type Granted,
  grantBody,
  invalidFields,
  refreshResponse,
  signInResponse,
  type TokenIssuer,
  tokenJson,
} from "./token.ts";

export interface ConsoleSessionDeps {
  readonly emit: Emit;
  readonly refreshTokens: Pick<RefreshTokenStore, "remove">;
}

/**
 * `POST /console/session/token`: with `username` and `password` signs in as `POST /token` does, and puts the refresh token into
 * the cookie; with `username` alone exchanges the cookie for a token and the next cookie. No body contains a refresh token.
 */
export function sessionTokenRoute(
  source: TokenIssuer,
  deps: ConsoleSessionDeps,
): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const request = await readSessionRequest(deps.emit, c);
    if (request instanceof Response) return request;
    const { username, password, cookie } = request;
    const { address, demoUse } = c.env;
    const from = { address, demoUse };
    const write = (granted: Granted) => withCookie(c, granted);
    if (password !== undefined) {
      const response = signInResponse(
        await source.signIn({ username, password, offline: true, ...from }),
        write,
      );
      if (response.ok) await endFamily(deps, cookie, username);
      return response;
    }
    if (cookie === undefined) return refreshResponse({ outcome: "invalid" }, write);
    const result = await source.refresh({ token: cookie, ...from });
    // Another host of the same domain can set a cookie with this name: it must not sign the page in as another user.
    const isOther = result.outcome === "refreshed" && result.user !== username;
    const response = refreshResponse(isOther ? { outcome: "invalid" } : result, write);
    if (response.status === 400) response.headers.append("Set-Cookie", cookieOf(c, username, undefined));
    return response;
  };
}

/** `POST /console/session/end`: removes the refresh tokens of the cookie's sign-in, and clears the cookie. */
export function sessionEndRoute(deps: ConsoleSessionDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const request = await readSessionRequest(deps.emit, c);
    if (request instanceof Response) return request;
    const { username, cookie } = request;
    await endFamily(deps, cookie, username);
    const headers = { "Cache-Control": "no-store", "Set-Cookie": cookieOf(c, username, undefined) };
    return new Response(null, { status: 204, headers });
  };
}

interface SessionRequest {
  readonly username: string;
  readonly password: string | undefined;
  /** The refresh token of `username` in the request's cookie. */
  readonly cookie: string | undefined;
}

async function readSessionRequest(emit: Emit, c: HttpContext): Promise<SessionRequest | Response> {
  const { headers } = c.req.raw;
  const { address } = c.env;
  const { path } = c.req;
  const reason = explainCookieRefusal(headers);
  if (reason !== undefined) {
    emit("request.refused", { address, path, code: "origin_refused", reason });
    return problem("origin_refused", { detail: reason });
  }
  const wrong = refuseQuery(emit, c, { address });
  if (wrong !== undefined) return wrong;
  const fields = await readFormFields(emit, c);
  if (fields instanceof Response) return fields;
  const username = fields.required("username");
  const password = fields.optional("password");
  if (fields.errors.length > 0) {
    const invalid = fields.errors.map(({ type, loc }) => `${type} ${loc.join(".")}`);
    emit("request.invalid", { address, path, code: "invalid", invalid_fields: invalid });
    return invalidFields(fields.errors);
  }
  // Any other name has no account, and may have characters that a cookie cannot have.
  if (!isIdentifier(username)) return signInResponse({ outcome: "wrong" });
  const cookie = cookieIn(headers.get("cookie"), sessionCookieName(headers.get("origin")!, username));
  return { username, password, cookie };
}

function cookieIn(field: string | null, name: string): string | undefined {
  const start = `${name}=`;
  const pairs = (field ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(start))?.slice(start.length) || undefined;
}

/** The page continues with another sign-in, so the tokens of the one before are of use to a thief only. */
async function endFamily(
  { refreshTokens }: ConsoleSessionDeps,
  cookie: string | undefined,
  username: string,
): Promise<void> {
  const family = cookie === undefined ? undefined : familyIdOf(cookie);
  if (family !== undefined) await refreshTokens.remove(family, username);
}

function withCookie(c: HttpContext, granted: Granted): Response {
  const { refresh_token: token, ...body } = grantBody(granted);
  const response = tokenJson(200, body);
  if (token !== undefined) response.headers.append("Set-Cookie", cookieOf(c, granted.user, token));
  return response;
}

/** Returns `Set-Cookie`; without a token it clears the cookie. Without `Max-Age` the cookie ends with the browser. */
function cookieOf(c: HttpContext, user: string, token: string | undefined): string {
  const origin = c.req.header("Origin")!;
  // The page's own scheme: a TLS proxy that is not trusted leaves `c.env.scheme` at http.
  const secure = origin.startsWith("https:") ? "; Secure" : "";
  const value = token === undefined ? "; Max-Age=0" : token;
  return `${sessionCookieName(origin, user)}=${value}; HttpOnly; SameSite=Strict${secure}`;
}

/**
 * Returns the name of the cookie for `user` on the port of `origin`. Each user has a cookie, so that two tabs may be signed in as
 * two users. Cookies do not differ by port, so the name does. The user's `:` and `@` are escaped, since a cookie's name may not
 * contain them (RFC 6265 §4.1.1).
 */
function sessionCookieName(origin: string, user: string): string {
  const port = URL.parse(origin)?.port ?? "";
  return `parley-session${port && `-${port}`}.${encodeURIComponent(user)}`;
}
