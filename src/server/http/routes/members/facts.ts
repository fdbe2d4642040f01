import {
  createConversation,
  createDirect,
  patchConversation,
  putConversation,
  refuseCreating,
} from "../../../../core/members/change-facts.ts";
import { factsReply } from "../../../../core/members/facts-reply.ts";
import { pairOf } from "../../../../core/members/names.ts";
import type { ConversationView } from "../../../../core/members/records.ts";
import type { Scene } from "../../../../core/members/standing.ts";
import { refuseReading } from "../../../../core/members/standing.ts";
import { MAX_FRAME_BYTES } from "../../../../protocol/limits.ts";
import {
  ConversationBody,
  ConversationPatch,
  NewConversationBody,
} from "../../../../protocol/member-requests.ts";
import { nameOfDirect, nameOfRequest, newName } from "../../../members/given-names.ts";
import { authenticateCaller, authenticateMaker, type Caller, MANAGING } from "../../caller.ts";
import type { HttpContext } from "../../context.ts";
import { problem } from "../../problem.ts";
import { approveFacts } from "./approve-facts.ts";
import {
  carryOut,
  type MemberRoutesDeps,
  type Route,
  readListSizes,
  readRequest,
  readScene,
  refuseRequest,
  replyJson,
} from "./request.ts";

/** `POST /conversations`: makes a conversation of which the server gives the name. */
export function createConversationRoute(deps: MemberRoutesDeps): Route {
  return async (c) => {
    const maker = await authenticateMaker(deps, c);
    if (maker instanceof Response) return maker;
    const { found } = maker;
    const body = await readRequest(deps, c, NewConversationBody, MAX_FRAME_BYTES, found.logFields);
    if (body instanceof Response) return body;
    const { direct, from, id, ...request } = body;
    if (from !== undefined && !found.isKey)
      return invalid(deps, found.logFields, "`from`: only an API key may set it.");
    const asker = from ?? (found.isKey ? undefined : found.user);
    if (direct !== undefined) return makeDirect(deps, c, maker, asker, direct, request);
    const name =
      id === undefined ? newName() : await nameOfRequest(deps.members, asker ?? `key ${found.user}`, id);
    const caller = maker.of(name);
    if (caller instanceof Response) return caller;
    const refusal = refuseCreating(caller.actor, deps.memberPolicy);
    if (refusal !== undefined) return refuseRequest(deps, caller, refusal);
    const others = (request.members ?? []).map(({ user }) => user);
    const users = asker === undefined ? others : [asker, ...others];
    const sizes = await readListSizes(deps, users);
    const decide = (scene: Scene, facts: typeof request) => createConversation(scene, asker, facts, sizes);
    const approved = await approveFacts(deps, caller, request, { users, asker, decide });
    if (approved instanceof Response) return approved;
    const made = await carryOut(deps, caller, users, (scene) => decide(scene, approved));
    if (made instanceof Response) return made;
    const duplicate = made.decision.change === undefined;
    return replyFacts(deps, caller, duplicate ? 200 : 201, asker, duplicate && { duplicate });
  };
}

/** `PUT /conversations/{id}`: makes a conversation of a name that the operator chooses, or replaces its facts. */
export function putConversationRoute(deps: MemberRoutesDeps): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, MANAGING);
    if (caller instanceof Response) return caller;
    const body = await readRequest(deps, c, ConversationBody, MAX_FRAME_BYTES, caller.logFields);
    if (body instanceof Response) return body;
    const users = (body.members ?? []).map(({ user }) => user);
    const sizes = await readListSizes(deps, users);
    const decide = (scene: Scene, facts: typeof body) => putConversation(scene, facts, sizes);
    const approved = await approveFacts(deps, caller, body, { users, decide });
    if (approved instanceof Response) return approved;
    const put = await carryOut(deps, caller, users, (scene) => decide(scene, approved));
    if (put instanceof Response) return put;
    return replyFacts(deps, caller, put.view.exists ? 200 : 201);
  };
}

/** `PATCH /conversations/{id}`: changes the facts that are named. */
export function patchConversationRoute(deps: MemberRoutesDeps): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, MANAGING);
    if (caller instanceof Response) return caller;
    const body = await readRequest(deps, c, ConversationPatch, MAX_FRAME_BYTES, caller.logFields);
    if (body instanceof Response) return body;
    const approved = await approveFacts(deps, caller, body, {
      ...{ users: [], decide: patchConversation, dropped: null },
    });
    if (approved instanceof Response) return approved;
    const patched = await carryOut(deps, caller, [], (scene) => patchConversation(scene, approved));
    return patched instanceof Response ? patched : replyFacts(deps, caller, 200);
  };
}

/** `GET /conversations/{id}`. */
export function readConversationRoute(deps: MemberRoutesDeps): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, { key: "read", user: "read" });
    if (caller instanceof Response) return caller;
    const scene = await readScene(deps, caller);
    const refusal = refuseReading(scene) ?? (scene.view.exists ? undefined : NOT_BEGUN);
    return refusal === undefined ? reply(caller, scene.view, 200) : refuseRequest(deps, caller, refusal);
  };
}

/** An open conversation in which nothing was said yet: that is no secret. */
const NOT_BEGUN = {
  code: "not_found",
  message: "There is no such conversation yet: the first message begins it.",
} as const;

async function makeDirect(
  deps: MemberRoutesDeps,
  _c: HttpContext,
  maker: Exclude<Awaited<ReturnType<typeof authenticateMaker>>, Response>,
  asker: string | undefined,
  other: string,
  request: Parameters<typeof createDirect>[3],
): Promise<Response> {
  const { logFields } = maker.found;
  if (asker === undefined) return invalid(deps, logFields, "`from`: must name one of the two users.");
  if (asker === other) return invalid(deps, logFields, "`direct`: must be another user.");
  const pair = pairOf(asker, other);
  const caller = maker.of(await nameOfDirect(deps.members, pair));
  if (caller instanceof Response) return caller;
  const sizes = await readListSizes(deps, pair);
  const refusal = refuseCreating(caller.actor, deps.memberPolicy);
  const decide = (scene: Scene, facts: typeof request) =>
    refusal === undefined || scene.view.exists ? createDirect(scene, asker, pair, facts, sizes) : { refusal };
  const approved = await approveFacts(deps, caller, request, { users: pair, asker, decide });
  if (approved instanceof Response) return approved;
  const made = await carryOut(deps, caller, pair, (scene) => decide(scene, approved));
  if (made instanceof Response) return made;
  return replyFacts(
    deps,
    caller,
    made.view.exists ? 200 : 201,
    asker,
    made.view.exists && { duplicate: true },
  );
}

/** The facts as they are after a change. `asker`: for whom an API key speaks. */
async function replyFacts(
  deps: MemberRoutesDeps,
  caller: Caller,
  status: number,
  asker?: string,
  extra: object | false = false,
): Promise<Response> {
  const { actor, conversation } = caller;
  const user = asker ?? (actor.kind === "user" ? actor.name : undefined);
  const view = await deps.members.read(conversation, user === undefined ? [] : [user]);
  return reply(caller, view, status, asker, extra);
}

function reply(
  { actor, conversation }: Caller,
  view: ConversationView,
  status: number,
  asker?: string,
  extra: object | false = false,
): Response {
  return replyJson({ ...factsReply(conversation, view, actor, asker), ...extra }, status);
}

function invalid(deps: MemberRoutesDeps, logFields: Caller["logFields"], detail: string): Response {
  deps.emit("request.invalid", { ...logFields, path: "/conversations", code: "invalid" });
  return problem("invalid", { detail });
}
