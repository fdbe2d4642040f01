import type { z } from "zod";
import type { Change } from "../../../../core/changes/decide-change.ts";
import { changeOf, refusalOf } from "../../../../core/changes/replies.ts";
import { postRulesOf } from "../../../../core/members/post-rules.ts";
import type { ChangeRequest, ChangeResult } from "../../../../core/ports/conversation/changes.ts";
import type { Engine } from "../../../../core/ports/engine.ts";
import { EditBody, EraseQuery, ReactQuery } from "../../../../protocol/frames/change-bodies.ts";
import { MAX_FRAME_BYTES } from "../../../../protocol/limits.ts";
import { readBody } from "../../../../protocol/request-body.ts";
import { authenticateCaller, type Caller } from "../../caller.ts";
import type { HttpContext } from "../../context.ts";
import { problem } from "../../problem.ts";
import {
  type ConversationRoutesDeps,
  invalid,
  readSeq,
  refusal,
  refuseReader,
  reply,
  senderOf,
} from "../conversations.ts";
import { type Route, readRequest } from "../members/request.ts";

export interface ChangeRoutesDeps extends ConversationRoutesDeps {
  readonly changes: Pick<Engine["changes"], "change">;
}

/** What a request asks for, in whose name, and in which epoch. */
interface Asked {
  readonly change: Change;
  readonly from: string | undefined;
  readonly epoch: string | undefined;
  readonly id?: string | undefined;
}

/** `PATCH /conversations/{id}/messages/{seq}`: the counterpart of an `edit` frame. */
export function editMessageRoute(deps: ChangeRoutesDeps): Route {
  return changeRoute(deps, async (c, caller, seq) => {
    const body = await readRequest(deps, c, EditBody, MAX_FRAME_BYTES, caller.logFields);
    if (body instanceof Response) return body;
    const { from, epoch, id, ...fields } = body;
    return { change: changeOf({ type: "edit", seq, ...fields }), from, epoch, id };
  });
}

/** `DELETE /conversations/{id}/messages/{seq}?reason&epoch`: the counterpart of an `erase` frame. */
export function eraseMessageRoute(deps: ChangeRoutesDeps): Route {
  return changeRoute(deps, (c, caller, seq) => {
    const query = readQuery(deps, c, caller, EraseQuery);
    if (query instanceof Response) return query;
    const { reason, epoch, from } = query;
    return { change: changeOf({ type: "erase", seq, reason }), from, epoch };
  });
}

/** `PUT` and `DELETE /conversations/{id}/messages/{seq}/reactions/{reaction}?epoch`: the counterparts of a `react` frame. */
export function reactRoute(deps: ChangeRoutesDeps, on: boolean): Route {
  return changeRoute(deps, (c, caller, seq) => {
    const query = readQuery(deps, c, caller, ReactQuery, { reaction: c.req.param("reaction") });
    if (query instanceof Response) return query;
    const { reaction, epoch, from } = query;
    return { change: changeOf({ type: "react", seq, reaction, on }), from, epoch };
  });
}

function changeRoute(
  deps: ChangeRoutesDeps,
  read: (c: HttpContext, caller: Caller, seq: number) => Asked | Response | Promise<Asked | Response>,
): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, "write");
    if (caller instanceof Response) return caller;
    const seq = readSeq(deps, c, caller);
    if (seq instanceof Response) return seq;
    const asked = await read(c, caller, seq);
    if (asked instanceof Response) return asked;
    const user = senderOf(deps, caller, asked.from);
    if (user instanceof Response) return user;
    const refused = await refuseReader(deps, caller);
    if (refused !== undefined) return refused;
    const { conversation, actor, limit, mayManage } = caller;
    const { change, epoch: expectedEpoch, id } = asked;
    const { exempt, mustExist } = postRulesOf(actor, conversation, user, deps.memberPolicy);
    return answer(
      deps,
      caller,
      await makeChange(deps, {
        ...{ conversation, user, seq, change, limit, exempt, mustExist, expectedEpoch },
        moderates: mayManage,
        ...(id !== undefined && { id }),
      }),
    );
  };
}

function makeChange({ changes }: ChangeRoutesDeps, request: ChangeRequest): Promise<ChangeResult> {
  return new Promise((done) => changes.change(request, done));
}

function answer(deps: ChangeRoutesDeps, caller: Caller, result: ChangeResult): Response {
  switch (result.outcome) {
    case "changed":
    case "duplicate": {
      const { seq, rev, at, quota, outcome } = result;
      const json = JSON.stringify({
        seq,
        rev,
        at,
        ...(outcome === "duplicate" && { duplicate: true }),
        quota,
      });
      return reply(200, json, quota, caller.plan);
    }
    case "rate_limited":
    case "unavailable":
      return refusal(result, caller.plan);
    case "removed":
      return problem("removed");
    default: {
      const { code, message: detail, ...extra } = refusalOf(result);
      const { logFields, conversation } = caller;
      deps.emit("request.refused", { ...logFields, conversation, code, reason: detail });
      return problem(code, { detail, extra });
    }
  }
}

/** Reads the query of a request by its schema, together with what the address has; or returns the refusal. */
function readQuery<T>(
  deps: ChangeRoutesDeps,
  c: HttpContext,
  caller: Caller,
  schema: z.ZodType<T>,
  address: object = {},
): T | Response {
  const read = readBody(schema, { ...c.req.query(), ...address }, "");
  return "body" in read ? read.body : invalid(deps, caller, read.message, read.code);
}
