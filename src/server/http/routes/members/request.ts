// What the routes of conversations and members have in common.
import type { z } from "zod";
import type { ListSizes } from "../../../../core/members/change-members.ts";
import type { Decision } from "../../../../core/members/decision.ts";
import { perform } from "../../../../core/members/perform.ts";
import type { MemberPolicy } from "../../../../core/members/policy.ts";
import type { ConversationView } from "../../../../core/members/records.ts";
import type { MemberRefusal } from "../../../../core/members/refusals.ts";
import type { Scene } from "../../../../core/members/standing.ts";
import type { MemberStore } from "../../../../core/ports/conversation/members.ts";
import type { Quotas } from "../../../../core/ports/message-log.ts";
import { JSON_TOO_LARGE } from "../../../../protocol/decode.ts";
import type { ErrorCode } from "../../../../protocol/errors.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../../../protocol/identifiers.ts";
import { parseJsonObject } from "../../../../protocol/json.ts";
import { readBody } from "../../../../protocol/request-body.ts";
import type { Approver } from "../../../approval/approver.ts";
import { dropOldestUnopened } from "../../../members/unopened.ts";
import { readText } from "../../body.ts";
import type { Caller, CallerDeps } from "../../caller.ts";
import type { HttpContext } from "../../context.ts";
import { problem, retryAfterSeconds } from "../../problem.ts";
import { rateLimitFields } from "../../rate-limit-fields.ts";

export interface MemberRoutesDeps extends CallerDeps {
  readonly members: MemberStore;
  readonly memberPolicy: MemberPolicy;
  readonly engine: Pick<Quotas, "charge">;
  /** Asks about titles and data of conversations; undefined where nothing that is said has to be approved. */
  readonly factsApprover?: Pick<Approver, "ask"> | undefined;
}

export type Route = (c: HttpContext) => Promise<Response>;

/** Reads a JSON body by its schema, or returns the refusal. An empty body is an empty object. */
export async function readRequest<T>(
  deps: CallerDeps,
  c: HttpContext,
  schema: z.ZodType<T>,
  maxBytes: number,
  logFields: Caller["logFields"],
): Promise<T | Response> {
  const text = await readText(deps.emit, c, maxBytes);
  if (text instanceof Response) return text;
  const refuse = (code: ErrorCode, detail: string) => {
    deps.emit("request.invalid", { ...logFields, path: c.req.path, code });
    return problem(code, { detail });
  };
  const { value, error } = parseJsonObject(text.trim() === "" ? "{}" : text);
  if (error === "too_large") return refuse(error, JSON_TOO_LARGE);
  if (error !== undefined) return refuse(error, "The body is not a JSON object.");
  const read = readBody(schema, value, text);
  return "body" in read ? read.body : refuse(read.code, read.message);
}

/** Returns the user in the address, or the refusal. */
export function readUser(
  deps: Pick<CallerDeps, "emit">,
  c: HttpContext,
  { logFields }: Pick<Caller, "logFields">,
): string | Response {
  const user = c.req.param("user") ?? "";
  if (isIdentifier(user)) return user;
  deps.emit("request.invalid", { ...logFields, code: "bad_address" });
  return problem("bad_address", { detail: `The user in the address must be ${IDENTIFIER_RULE}.` });
}

/** The scene of a request, on a view of its conversation. */
export function sceneOf(
  deps: MemberRoutesDeps,
  { conversation, actor }: Caller,
  view: ConversationView,
): Scene {
  return { conversation, view, actor, policy: deps.memberPolicy };
}

/** The numbers of conversations of users, for the bounds of their lists. */
export async function readListSizes(deps: MemberRoutesDeps, users: readonly string[]): Promise<ListSizes> {
  const sizes = new Map<string, { readonly conversations: number }>();
  for (const user of users) sizes.set(user, await deps.members.listSize(user));
  return sizes;
}

/** Decides and carries out a change, and charges for the users who are added; or returns the refusal. */
export async function carryOut<D extends Decision>(
  deps: MemberRoutesDeps,
  caller: Caller,
  users: readonly string[],
  decide: (scene: Scene) => D,
): Promise<{ readonly decision: D; readonly view: ConversationView } | Response> {
  const { conversation, actor } = caller;
  let refused: Response | undefined;
  const charge = async ({ added = [] }: D): Promise<boolean> => {
    refused = await chargeFor(deps, caller, added.length);
    return refused === undefined;
  };
  const all = [...new Set(actor.kind === "user" ? [actor.name, ...users] : users)];
  const result = await perform(
    deps.members,
    conversation,
    all,
    (view) => decide(sceneOf(deps, caller, view)),
    charge,
  );
  if (refused !== undefined) return refused;
  if (result.outcome !== "decided") {
    deps.emit("request.refused", { ...caller.logFields, conversation, code: "unavailable" });
    const detail =
      "The conversation is being changed by others all the time. Send the same again in a moment.";
    return problem("unavailable", { detail, headers: { "Retry-After": "1" } });
  }
  const { decision, view } = result;
  if (decision.refusal !== undefined) return refuseRequest(deps, caller, decision.refusal);
  if (decision.change !== undefined) {
    deps.emit("conversation.changed", { ...caller.logFields, conversation });
    await dropOldestUnopened(deps.members, decision.added ?? []);
  }
  return { decision, view };
}

/** Reads a conversation for a request that changes nothing. */
export async function readScene(deps: MemberRoutesDeps, caller: Caller): Promise<Scene> {
  const { conversation, actor } = caller;
  const view = await deps.members.read(conversation, actor.kind === "user" ? [actor.name] : []);
  return sceneOf(deps, caller, view);
}

export function refuseRequest(
  deps: CallerDeps,
  { logFields, conversation }: Pick<Caller, "logFields" | "conversation">,
  { code, message, ...extra }: MemberRefusal,
): Response {
  deps.emit("request.refused", { ...logFields, conversation, code, reason: message });
  return problem(code, { detail: message, extra });
}

/** A JSON response that MUST NOT be cached. */
export function replyJson(body: unknown, status = 200): Response {
  return Response.json(body, { status, headers: { "Cache-Control": "no-store" } });
}

export function noContent(): Response {
  return new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } });
}

/** Charges a request for each user who is added (MB5); returns the refusal where the plan does not allow so many. */
async function chargeFor(
  deps: MemberRoutesDeps,
  { user, limit, plan, logFields, conversation }: Caller,
  count: number,
): Promise<Response | undefined> {
  if (count === 0 || limit === 0) return undefined;
  if (count > limit) {
    deps.emit("request.invalid", { ...logFields, conversation, code: "invalid" });
    const detail = `\`members\`: adding each user is a request, and the plan \`${plan}\` allows ${limit} an hour.`;
    return problem("invalid", { detail });
  }
  const result = await deps.engine.charge(user, limit, count);
  if (result.outcome === "charged") return undefined;
  deps.emit("request.refused", { ...logFields, conversation, code: result.outcome });
  if (result.outcome === "unavailable") return problem("unavailable", { headers: { "Retry-After": "1" } });
  const { retryAfter, quota } = result;
  return problem("rate_limited", {
    detail: `The plan allows ${quota.limit} requests an hour, and adding each user is one; try again in ${retryAfter / 1000} seconds.`,
    headers: { "Retry-After": retryAfterSeconds(retryAfter), ...rateLimitFields(quota, plan) },
    extra: { retry_after: retryAfter / 1000, quota },
  });
}
