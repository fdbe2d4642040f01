import type { CancelTarget } from "../../../../core/streams/replies.ts";
import { cancelStreams } from "../../../streams/cancel-streams.ts";
import { authenticateCaller, type NeededRight } from "../../caller.ts";
import type { HttpContext } from "../../context.ts";
import { invalid, refuseOtherEpoch } from "../conversations.ts";
import type { Route } from "../members/request.ts";
import { readHandle, refuseAs, type StreamRoutesDeps } from "./request.ts";

/** As on a socket, a user that may read may ask; the rules of streams decide. */
const CANCELLING: NeededRight = { key: "write", user: "read" };

/** `DELETE /conversations/{id}/streams/{stream}?discard`: asks its writer to stop (ST4). A stream that has ended is no error. */
export function cancelStreamRoute(deps: StreamRoutesDeps): Route {
  return cancelRoute(deps, readHandle, (stream) => ({ stream }));
}

/** `DELETE /conversations/{id}/streams?reply_to=…&discard`: asks the writers of all answers to a message to stop (ST4). */
export function cancelAnswersRoute(deps: StreamRoutesDeps): Route {
  return cancelRoute(deps, readReplyTo, (reply_to) => ({ reply_to }));
}

function cancelRoute<T extends string | number>(
  deps: StreamRoutesDeps,
  read: (deps: StreamRoutesDeps, c: HttpContext, caller: Parameters<typeof invalid>[1]) => T | Response,
  targetOf: (named: T) => CancelTarget,
): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, CANCELLING);
    if (caller instanceof Response) return caller;
    const named = read(deps, c, caller);
    if (named instanceof Response) return named;
    const discard = readFlag(c.req.query("discard"));
    if (discard === undefined) return invalid(deps, caller, "`discard`: must be `true`, `false` or empty.");
    const { conversation, actor } = caller;
    const conflicting = await refuseOtherEpoch(deps, conversation, c.req.query("epoch"));
    if (conflicting !== undefined) return conflicting;
    const target = { ...targetOf(named), discard };
    const error = await cancelStreams(deps, { conversation, actor, target });
    // A stream that has ended is what the sender wanted (N8).
    const isOver = error?.code === "not_found" && target.stream !== undefined;
    if (error !== undefined && !isOver) return refuseAs(deps, caller, error);
    return new Response(null, { status: 202, headers: { "Cache-Control": "no-store" } });
  };
}

function readReplyTo(
  deps: StreamRoutesDeps,
  c: HttpContext,
  caller: Parameters<typeof invalid>[1],
): number | Response {
  const text = c.req.query("reply_to") ?? "";
  const isSeq = /^[1-9]\d{0,14}$/.test(text);
  return isSeq ? Number(text) : invalid(deps, caller, "`reply_to`: must be there, and be 1 or more.");
}

/** Reads a flag of a query: `?discard`, `?discard=true`. Undefined where it is neither that nor false. */
function readFlag(value = "false"): boolean | undefined {
  return value === "" || value === "true" ? true : value === "false" ? false : undefined;
}
