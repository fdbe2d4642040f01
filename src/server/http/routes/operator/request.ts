// What the routes of the operator's API have in common.

import { z } from "zod";
import type { ErrorCode } from "../../../../protocol/errors.ts";
import { isIdentifier } from "../../../../protocol/identifiers.ts";
import { MAX_BODY_BYTES } from "../../body.ts";
import type { CallerDeps } from "../../caller.ts";
import type { HttpContext } from "../../context.ts";
import { authenticateOperator, type Operator } from "../../operator.ts";
import { problem } from "../../problem.ts";
import { type Route, readRequest, readUser } from "../members/request.ts";

/** A route for the operator's programs. */
export function operatorRoute(
  deps: CallerDeps,
  handle: (operator: Operator, c: HttpContext) => Promise<Response>,
): Route {
  return async (c) => {
    const operator = await authenticateOperator(deps, c);
    return operator instanceof Response ? operator : handle(operator, c);
  };
}

/** A route for the operator's programs about the user in the address. */
export function operatorUserRoute(
  deps: CallerDeps,
  handle: (operator: Operator, user: string, c: HttpContext) => Promise<Response>,
): Route {
  return operatorRoute(deps, async (operator, c) => {
    const user = readUser(deps, c, operator);
    return user instanceof Response ? user : handle(operator, user, c);
  });
}

const NoFields = z.strictObject({});

/** Returns the refusal of a body with fields, for a verb that has none: who sends one expects that it does something. */
export async function refuseFields(
  deps: CallerDeps,
  c: HttpContext,
  { logFields }: Operator,
): Promise<Response | undefined> {
  const body = await readRequest(deps, c, NoFields, MAX_BODY_BYTES, logFields);
  return body instanceof Response ? body : undefined;
}

/** Refuses a request that is understood and not carried out, and logs it. */
export function refuse(
  { emit }: Pick<CallerDeps, "emit">,
  c: HttpContext,
  { logFields }: Pick<Operator, "logFields">,
  code: ErrorCode,
  detail: string,
): Response {
  emit("request.refused", { ...logFields, path: c.req.path, code, reason: detail });
  return problem(code, { detail, ...(code === "unavailable" && { headers: { "Retry-After": "1" } }) });
}

/** Refuses a request with something wrong in it, and logs it. */
export function invalid(
  { emit }: Pick<CallerDeps, "emit">,
  c: HttpContext,
  { logFields }: { readonly logFields: { readonly address: string } },
  detail: string,
): Response {
  emit("request.invalid", { ...logFields, path: c.req.path, code: "invalid" });
  return problem("invalid", { detail });
}

/** The cursor of a list by name: the last name of its page. */
export function encodeCursor(place: string): string {
  return Buffer.from(place).toString("base64url");
}

/** Returns the place of a cursor; without a cursor undefined. An answer's cursor is the only one that is read as a place in it. */
export function decodeCursor(cursor: string | undefined): string | undefined {
  return cursor === undefined ? undefined : Buffer.from(cursor, "base64url").toString();
}

/** As `decodeCursor`, of a list that is ordered by user; null for a cursor of no such list. */
export function decodeNameCursor(cursor: string | undefined): string | undefined | null {
  const name = decodeCursor(cursor);
  return name === undefined || isIdentifier(name) ? name : null;
}

export const BAD_CURSOR = "`cursor`: must be the `cursor` of an answer to the same request.";
