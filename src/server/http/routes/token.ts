import type { Emit } from "../../../core/events/events.ts";
import { type ErrorCode, errorEntry } from "../../../protocol/errors.ts";
import type { IssuedRefreshToken, RefreshRequest, RefreshResult } from "../../authentication/refresh.ts";
import type { Credentials, SignInResult } from "../../authentication/sign-in.ts";
import type { HttpContext } from "../context.ts";
import type { FieldError } from "../form-fields.ts";
import { Refusal, retryAfterSeconds } from "../problem.ts";
import { readTokenRequest } from "./token-request.ts";

/** For all answers: caches must keep neither a token nor a refusal (RFC 6749 §5.1). */
const NOT_STORED = { "Cache-Control": "no-store" };

/** The two ways to get a token. */
export interface TokenIssuer {
  signIn(credentials: Credentials): Promise<SignInResult>;
  refresh(request: RefreshRequest): Promise<RefreshResult>;
}

/**
 * `POST /token` (SEC-S4): returns a token for OAuth 2's password form or a refresh token. Errors have the fields that OAuth 2
 * libraries (`error`, `error_description`), FastAPI clients (`detail`) and Parley's own client (`code`) read.
 */
export function tokenRoute(source: TokenIssuer, emit: Emit): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const { address, demoUse } = c.env;
    const from = { address, demoUse };
    const body = await readTokenRequest(emit, c);
    if (body instanceof Response) return body;
    switch (body.kind) {
      case "faulty": {
        const faults = body.errors.map(({ type, loc }) => `${type} ${loc.join(".")}`);
        emit("request.invalid", { address, path: c.req.path, code: "invalid", invalid_fields: faults });
        return invalidFields(body.errors);
      }
      case "unsupported": {
        emit("request.invalid", {
          address,
          path: c.req.path,
          code: "invalid",
          invalid_fields: ["grant_type"],
        });
        const description = 'The grant_type must be "password" or "refresh_token".';
        return refusal("invalid", "unsupported_grant_type", description, {}, 400);
      }
      case "password": {
        const { username, password, offline } = body;
        return signInResponse(await source.signIn({ username, password, offline, ...from }));
      }
      case "refresh_token":
        return refreshResponse(await source.refresh({ token: body.refreshToken, ...from }));
      default:
        return body satisfies never;
    }
  };
}

/** Returns the response to a sign-in; `write` returns that to one that succeeded. */
export function signInResponse(
  result: SignInResult,
  write: (granted: Granted) => Response = tokens,
): Response {
  switch (result.outcome) {
    case "signed_in":
      return write(result);
    case "wrong":
      return refusal("unauthorized", "invalid_grant", "Incorrect username or password", {
        "WWW-Authenticate": "Bearer",
      });
    case "forbidden":
      return refusal("forbidden", "invalid_grant", result.message);
    case "throttled":
      return throttled(result.retryAfter);
    case "busy":
      return refusal("unavailable", "temporarily_unavailable", "Too many users are signing in just now.", {
        "Retry-After": retryAfterSeconds(result.retryAfter),
      });
    default:
      return result satisfies never;
  }
}

/** The refusal while the store is unavailable: no sign-in is possible. */
export function tokensUnavailable(): Response {
  return refusal("unavailable", "temporarily_unavailable", errorEntry("unavailable").what, {
    "Retry-After": "1",
  });
}

/** Returns the response to a refresh; `write` returns that to one that succeeded. */
export function refreshResponse(
  result: RefreshResult,
  write: (granted: Granted) => Response = tokens,
): Response {
  switch (result.outcome) {
    case "refreshed":
      return write(result);
    case "invalid":
      // 400 and not 401 (RFC 6749 §5.2): OAuth 2 libraries then ask for the password again.
      return refusal(
        "unauthorized",
        "invalid_grant",
        "The refresh token is not valid any more: sign in again.",
        {},
        400,
      );
    case "forbidden":
      return refusal("forbidden", "invalid_grant", result.message);
    case "throttled":
      return throttled(result.retryAfter);
    default:
      return result satisfies never;
  }
}

function throttled(retryAfter: number): Response {
  return refusal("too_many_attempts", "too_many_attempts", errorEntry("too_many_attempts").what, {
    "Retry-After": retryAfterSeconds(retryAfter),
  });
}

/** The tokens of a sign-in or a refresh, and the user whom they name. */
export interface Granted {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
  readonly refresh?: IssuedRefreshToken;
  readonly user: string;
  readonly plan: { readonly name: string };
}

/** Returns the body of the response that grants tokens. */
export function grantBody({ token, expiresIn, refresh, user, plan }: Granted) {
  return {
    access_token: token,
    token_type: "bearer",
    expires_in: expiresIn,
    ...(refresh && { refresh_token: refresh.token, refresh_expires_in: refresh.expiresIn }),
    user,
    plan: plan.name,
  };
}

function tokens(granted: Granted): Response {
  return tokenJson(200, grantBody(granted));
}

/** Returns the refusal of a body with wrong fields, in the format of FastAPI and of OAuth 2. */
export function invalidFields(faults: readonly FieldError[]): Response {
  const description = faults.map(({ loc, msg }) => `${loc.join(".")}: ${msg}`).join("; ");
  return refusalJson("invalid", errorEntry("invalid").http, {
    detail: faults,
    error: "invalid_request",
    error_description: description,
    code: "invalid",
  });
}

function refusal(
  code: ErrorCode,
  error: string,
  description: string,
  headers: Readonly<Record<string, string>> = {},
  status = errorEntry(code).http,
): Response {
  const body = { error, error_description: description, detail: description, code };
  return refusalJson(code, status, body, headers);
}

/** As `tokenJson`, of a refusal. */
export function refusalJson(
  code: ErrorCode,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Refusal(code, JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/json;charset=utf-8", ...NOT_STORED, ...headers },
  });
}

/** Returns a JSON response that caches must not store, neither a token nor a refusal (RFC 6749 §5.1). */
export function tokenJson(
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json(body, { status, headers: { ...NOT_STORED, ...headers } });
}
