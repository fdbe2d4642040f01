import { explainMissingKeyRight } from "../../core/access/api-keys.ts";
import { explainMissingRight, type Grants, grantsManage, type Right } from "../../core/access/grants.ts";
import type { Actor } from "../../core/members/standing.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { API_KEY_PREFIX, type ApiKeys, credentialIdOf } from "../authentication/api-keys.ts";
import type { Identity } from "../authentication/authenticate.ts";
import { authenticateBearer, type BearerDeps } from "./bearer.ts";
import { bearerTokenOf } from "./bearer-token.ts";
import type { HttpContext } from "./context.ts";
import { problem } from "./problem.ts";
import { refuseQuery } from "./query/refuse-query.ts";

export interface CallerDeps extends BearerDeps {
  readonly apiKeys: Pick<ApiKeys, "find">;
}

/** The sender of an HTTP request about a conversation: a user with a token, or a program with an API key. */
export interface Caller {
  /** The user; for an API key the name of the key. */
  readonly user: string;
  /** Requests an hour; 0 is unmetered, as for API keys. */
  readonly limit: number;
  /** For the RateLimit fields. */
  readonly plan: string;
  /** Whether the caller has an API key, and so may send messages as any user. */
  readonly isKey: boolean;
  /** By which its token or API key is revoked. */
  readonly credential: Pick<Identity, "tokenId" | "issuedAt">;
  /** Whether the token or API key has the right `manage` for the conversation. */
  readonly mayManage: boolean;
  /** The caller for the rules of members. */
  readonly actor: Actor;
  readonly conversation: string;
  /** The fields that identify the caller in events. */
  readonly logFields: { readonly address: string; readonly user?: string; readonly key?: string };
}

/** The right that a request needs: that of an API key, and that of a user's token. */
export interface NeededRight {
  readonly key: Right;
  readonly user: "read" | "write";
}

/** Requests that change a conversation or its members. The rules of members decide what the user may do with the right `write`. */
export const MANAGING: NeededRight = { key: "manage", user: "write" };

/** Returns the sender of a request about the conversation in the address, or the refusal: no valid credential, or no such right. */
export async function authenticateCaller(
  deps: CallerDeps,
  c: HttpContext,
  right: "read" | "write" | NeededRight,
): Promise<Caller | Response> {
  const found = await findCaller(deps, c);
  if (found instanceof Response) return found;
  const conversation = c.req.param("id") ?? "";
  if (!isIdentifier(conversation)) {
    deps.emit("request.invalid", { ...found.logFields, code: "bad_address" });
    return problem("bad_address", {
      detail: `The conversation in the address must be ${IDENTIFIER_RULE}.`,
    });
  }
  return withRights(deps, found, conversation, right);
}

/** As `authenticateCaller`, for a conversation that the address does not name: `conversation` returns its name. */
export async function authenticateMaker(
  deps: CallerDeps,
  c: HttpContext,
  right: "write" | NeededRight = MANAGING,
): Promise<Response | { readonly found: FoundCaller; of(conversation: string): Caller | Response }> {
  const found = await findCaller(deps, c);
  if (found instanceof Response) return found;
  return { found, of: (conversation) => withRights(deps, found, conversation, right) };
}

/** The sender of a request, before it is known which conversation the request is about. */
export type FoundCaller = Omit<Caller, "conversation" | "actor" | "mayManage"> & { readonly grants: Grants };

function withRights(
  deps: CallerDeps,
  { grants, ...caller }: FoundCaller,
  conversation: string,
  right: "read" | "write" | NeededRight,
): Caller | Response {
  const manages = !caller.isKey && grantsManage(grants, conversation);
  const missing = explainMissing(caller, grants, conversation, right, manages);
  const actor: Actor = { kind: caller.isKey ? "key" : "user", name: caller.user, manages };
  const mayManage =
    manages || (caller.isKey && explainMissingKeyRight(grants, conversation, "manage") === undefined);
  if (missing === undefined) return { ...caller, conversation, actor, mayManage };
  deps.emit("request.refused", {
    ...caller.logFields,
    conversation,
    code: "forbidden",
    reason: missing,
  });
  return problem("forbidden", { detail: missing });
}

function explainMissing(
  { isKey }: Pick<Caller, "isKey">,
  grants: Grants,
  conversation: string,
  right: "read" | "write" | NeededRight,
  manages: boolean,
): string | undefined {
  const needed = typeof right === "string" ? { key: right, user: right } : right;
  if (!isKey)
    return typeof right !== "string" && manages
      ? undefined
      : explainMissingRight(grants, conversation, needed.user);
  return explainMissingKeyRight(grants, conversation, needed.key);
}

/** Returns the sender of a request, or the refusal of its credential or of fields of its query. */
export async function findCaller(deps: CallerDeps, c: HttpContext): Promise<FoundCaller | Response> {
  const { address } = c.env;
  const presented = bearerTokenOf(c);
  if (presented?.startsWith(API_KEY_PREFIX)) {
    const key = deps.apiKeys.find(presented);
    if (key !== undefined) {
      const { name, rights, conversations } = key;
      const flooding = await deps.guard.key(c, name);
      if (flooding !== undefined) return flooding;
      const logFields = { address, key: name };
      const wrong = refuseQuery(deps.emit, c, logFields);
      if (wrong !== undefined) return wrong;
      return {
        user: name,
        limit: 0,
        plan: name,
        isKey: true,
        // It is not revoked by the time of its making.
        credential: { tokenId: credentialIdOf(key), issuedAt: Number.POSITIVE_INFINITY },
        grants: { rights, ...(conversations !== undefined && { conversations }) },
        logFields,
      };
    }
    const flooding = await deps.guard.address(c);
    if (flooding !== undefined) return flooding;
    return refuseKey(deps, c);
  }
  const bearer = await authenticateBearer(deps, c);
  if (bearer instanceof Response) return bearer;
  const { user, plan, grants, tokenId, issuedAt } = bearer.identity;
  const { name, requestsPerHour: limit } = plan;
  const credential = { tokenId, issuedAt };
  return { user, limit, plan: name, isKey: false, credential, grants, logFields: { address, user } };
}

/** Refuses a request whose API key is not accepted, or was revoked while the request waited. */
export function refuseKey({ emit }: Pick<CallerDeps, "emit">, c: HttpContext): Response {
  const { address } = c.env;
  const reason = "The API key is unknown.";
  emit("request.refused", { address, path: c.req.path, code: "unauthorized", reason });
  return problem("unauthorized", {
    detail: "The key is unknown or revoked; an operator makes one with `parley api-key add <name>`.",
    headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' },
  });
}

/** Reports a request of a caller with a wrong field, and returns its response. */
export function refuseInvalid(
  { emit }: Pick<CallerDeps, "emit">,
  { logFields }: FoundCaller,
  detail: string,
): Response {
  emit("request.invalid", { ...logFields, code: "invalid" });
  return problem("invalid", { detail });
}

/** Reports a request for which a caller lacks the right, and returns its response. */
export function refuseForbidden(
  { emit }: Pick<CallerDeps, "emit">,
  { logFields }: FoundCaller,
  path: string,
  detail: string,
): Response {
  emit("request.refused", { ...logFields, path, code: "forbidden", reason: detail });
  return problem("forbidden", { detail });
}
