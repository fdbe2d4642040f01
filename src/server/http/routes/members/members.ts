import { putMember, removeMember } from "../../../../core/members/change-members.ts";
import {
  liftSanction,
  putSanction,
  refuseListingSanctions,
  type SanctionKind,
} from "../../../../core/members/sanctions.ts";
import { refuseReading } from "../../../../core/members/standing.ts";
import type { NameRange } from "../../../../core/ports/conversation/members.ts";
import { isIdentifier } from "../../../../protocol/identifiers.ts";
import { ListQuery, MemberBody, SanctionBody } from "../../../../protocol/member-requests.ts";
import { MAX_BODY_BYTES } from "../../body.ts";
import { authenticateCaller, type Caller, MANAGING } from "../../caller.ts";
import type { HttpContext } from "../../context.ts";
import { problem } from "../../problem.ts";
import {
  carryOut,
  type MemberRoutesDeps,
  noContent,
  type Route,
  readListSizes,
  readRequest,
  readScene,
  readUser,
  refuseRequest,
  replyJson,
} from "./request.ts";

const READING = { key: "read", user: "read" } as const;

/** `GET /conversations/{id}/members`. */
export function listMembersRoute(deps: MemberRoutesDeps): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, READING);
    if (caller instanceof Response) return caller;
    const range = readRange(deps, c, caller);
    if (range instanceof Response) return range;
    const refusal = refuseReading(await readScene(deps, caller));
    if (refusal !== undefined) return refuseRequest(deps, caller, refusal);
    const { members, more } = await deps.members.members(caller.conversation, range);
    return replyJson({ members, more, ...cursorOf(members, more) });
  };
}

/** `PUT /conversations/{id}/members/{user}`: adds a user, joins, or changes a role. */
export function putMemberRoute(deps: MemberRoutesDeps): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, MANAGING);
    if (caller instanceof Response) return caller;
    const user = readUser(deps, c, caller);
    if (user instanceof Response) return user;
    const body = await readRequest(deps, c, MemberBody, MAX_BODY_BYTES, caller.logFields);
    if (body instanceof Response) return body;
    const sizes = await readListSizes(deps, [user]);
    const put = await carryOut(deps, caller, [user], (scene) => putMember(scene, { user, ...body }, sizes));
    if (put instanceof Response) return put;
    const { standings } = await deps.members.read(caller.conversation, [user]);
    const { role, since } = standings.get(user) ?? {};
    return replyJson({ user, role, since });
  };
}

/** `DELETE /conversations/{id}/members/{user}`: removes a member, or leaves. */
export function removeMemberRoute(deps: MemberRoutesDeps): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, MANAGING);
    if (caller instanceof Response) return caller;
    const user = readUser(deps, c, caller);
    if (user instanceof Response) return user;
    const removed = await carryOut(deps, caller, [user], (scene) => removeMember(scene, user));
    return removed instanceof Response ? removed : noContent();
  };
}

/** `GET /conversations/{id}/mutes`, and the same for bans. */
export function listSanctionsRoute(deps: MemberRoutesDeps, kind: SanctionKind): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, READING);
    if (caller instanceof Response) return caller;
    const range = readRange(deps, c, caller);
    if (range instanceof Response) return range;
    const refusal = refuseListingSanctions(await readScene(deps, caller));
    if (refusal !== undefined) return refuseRequest(deps, caller, refusal);
    const field = kind === "ban" ? "banned" : "muted";
    const { sanctions, more } = await deps.members.sanctions(caller.conversation, field, range);
    return replyJson({ [`${kind}s`]: sanctions, more, ...cursorOf(sanctions, more) });
  };
}

/** `PUT /conversations/{id}/mutes/{user}`, and the same for bans. */
export function putSanctionRoute(deps: MemberRoutesDeps, kind: SanctionKind): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, MANAGING);
    if (caller instanceof Response) return caller;
    const user = readUser(deps, c, caller);
    if (user instanceof Response) return user;
    const body = await readRequest(deps, c, SanctionBody, MAX_BODY_BYTES, caller.logFields);
    if (body instanceof Response) return body;
    const put = await carryOut(deps, caller, [user], (scene) => putSanction(scene, kind, { user, ...body }));
    return put instanceof Response ? put : replyJson({ user, ...put.decision.sanction });
  };
}

/** `DELETE /conversations/{id}/mutes/{user}`, and the same for bans. */
export function liftSanctionRoute(deps: MemberRoutesDeps, kind: SanctionKind): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, MANAGING);
    if (caller instanceof Response) return caller;
    const user = readUser(deps, c, caller);
    if (user instanceof Response) return user;
    const lifted = await carryOut(deps, caller, [user], (scene) => liftSanction(scene, kind, user));
    return lifted instanceof Response ? lifted : noContent();
  };
}

/** Reads `limit` and `cursor`, or returns the refusal. A cursor is the last name of the page before. */
function readRange(
  deps: MemberRoutesDeps,
  c: HttpContext,
  { logFields, conversation }: Caller,
): NameRange | Response {
  const parsed = ListQuery.safeParse(c.req.query());
  const issue = parsed.error?.issues[0];
  const { limit, cursor } = parsed.data ?? { limit: 0, cursor: undefined };
  const after = cursor === undefined ? undefined : Buffer.from(cursor, "base64url").toString();
  if (issue === undefined && (after === undefined || isIdentifier(after))) return { limit, after };
  deps.emit("request.invalid", { ...logFields, conversation, code: "invalid" });
  const detail =
    issue === undefined
      ? "`cursor`: must be the `cursor` of the page before."
      : `\`${issue.path.join(".")}\`: ${issue.message}.`;
  return problem("invalid", { detail });
}

function cursorOf(
  entries: readonly { readonly user: string }[],
  more: boolean,
): { readonly cursor?: string } {
  const last = entries.at(-1);
  return more && last !== undefined ? { cursor: Buffer.from(last.user).toString("base64url") } : {};
}
