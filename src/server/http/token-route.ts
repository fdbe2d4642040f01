import { type ErrorCode, errorEntry } from "../../protocol/errors.ts";
import type { Credentials, SignInResult } from "../authentication/sign-in.ts";
import type { Log } from "../log.ts";
import type { HttpContext } from "./environment.ts";
import { retryAfterSeconds } from "./problem.ts";
import { type FieldFault, readTokenRequest } from "./token-request.ts";

export type SignIn = (credentials: Credentials) => Promise<SignInResult>;

/**
 * `POST /token` (S4): OAuth 2's password form in, a token out. Faults are told so that an OAuth 2 library (`error`,
 * `error_description`), a FastAPI client (`detail`) and one of ours (`code`) understand them.
 */
export function tokenRoute(signIn: SignIn, log: Log): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const { address } = c.env;
    const body = await readTokenRequest(c.req.raw);
    if ("faults" in body) {
      const faults = body.faults.map(({ type, loc }) => `${type} ${loc.join(".")}`);
      log.warn("request.invalid", { address, path: c.req.path, code: "invalid", faults });
      return invalidFields(body.faults);
    }
    if (body.grantType !== undefined && body.grantType !== "password") {
      log.warn("request.invalid", { address, path: c.req.path, code: "invalid", faults: ["grant_type"] });
      return refusal("invalid", "unsupported_grant_type", 'The grant_type must be "password".', {}, 400);
    }
    const { username, password } = body;
    return answer(await signIn({ username, password, address }));
  };
}

function answer(result: SignInResult): Response {
  switch (result.outcome) {
    case "signed_in":
      return json(200, {
        access_token: result.token,
        token_type: "bearer",
        expires_in: result.expiresIn,
        user: result.user,
        plan: result.plan.name,
      });
    case "wrong":
      return refusal("unauthorized", "invalid_grant", "Incorrect username or password", {
        "WWW-Authenticate": "Bearer",
      });
    case "forbidden":
      return refusal("forbidden", "invalid_grant", result.message);
    case "throttled":
      return refusal("too_many_attempts", "too_many_attempts", errorEntry("too_many_attempts").what, {
        "Retry-After": retryAfterSeconds(result.retryAfter),
      });
    case "busy":
      return refusal("unavailable", "temporarily_unavailable", "Too many users are signing in just now.", {
        "Retry-After": retryAfterSeconds(result.retryAfter),
      });
    default:
      return result satisfies never;
  }
}

function invalidFields(faults: readonly FieldFault[]): Response {
  const description = faults.map(({ loc, msg }) => `${loc.join(".")}: ${msg}`).join("; ");
  return json(errorEntry("invalid").http, {
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
  return json(status, { error, error_description: description, detail: description, code }, headers);
}

/** Neither a token nor a refusal may be kept by a cache on the way (RFC 6749 §5.1). */
function json(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json(body, { status, headers: { "Cache-Control": "no-store", ...headers } });
}
