import { refuseOwning } from "../../../core/members/change-facts.ts";
import { isCheck, mayRemoveAsCheck } from "../../../core/members/removal.ts";
import { authenticateCaller, MANAGING } from "../caller.ts";
import type { HttpContext } from "../context.ts";
import { problem } from "../problem.ts";
import { type MemberRoutesDeps, noContent, readScene, refuseRequest } from "./members/request.ts";

export interface RemovalRouteDeps extends MemberRoutesDeps {
  /** Removes a conversation's messages and read marks, and returns whether it existed; undefined if too many removals wait. */
  readonly removeConversation: (id: string) => Promise<boolean> | undefined;
}

/**
 * `DELETE /conversations/{id}`: removes a conversation, by an owner, an operator, or as one of checks (core/members/removal.ts);
 * 204, also where there is none.
 */
export function removeConversationRoute(deps: RemovalRouteDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, rightTo(c));
    if (caller instanceof Response) return caller;
    const { conversation, logFields } = caller;
    const scene = await readScene(deps, caller);
    const refusal = mayRemoveAsCheck(scene) ? undefined : refuseOwning(scene);
    if (refusal?.code === "not_found") return noContent();
    if (refusal !== undefined) return refuseRequest(deps, caller, refusal);
    const removal = deps.removeConversation(conversation);
    if (removal === undefined) {
      deps.emit("request.refused", { ...logFields, conversation, code: "unavailable" });
      const detail = "Too many conversations are being removed just now. Send the same again in a moment.";
      return problem("unavailable", { detail, headers: { "Retry-After": "1" } });
    }
    if (await removal) deps.emit("conversation.removed", { ...logFields, conversation });
    return noContent();
  };
}

/** A key that may write removes conversations of checks. */
function rightTo(c: HttpContext) {
  return isCheck(c.req.param("id") ?? "") ? "write" : MANAGING;
}
