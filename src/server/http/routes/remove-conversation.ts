import { explainRemovalRefusal } from "../../../core/conversation/removal-over-http.ts";
import { authenticateCaller, type CallerDeps } from "../caller.ts";
import type { HttpContext } from "../context.ts";
import { problem } from "../problem.ts";

export interface RemovalRouteDeps extends CallerDeps {
  /** Removes a conversation's messages and read marks, and returns whether it existed; undefined if too many removals wait. */
  readonly removeConversation: (id: string) => Promise<boolean> | undefined;
}

/** `DELETE /conversations/{id}`: removes a conversation of checks (core/conversation/removal-over-http.ts); 204, also where it does not exist. */
export function removeConversationRoute(deps: RemovalRouteDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, "write");
    if (caller instanceof Response) return caller;
    const { conversation, logFields } = caller;
    const reason = explainRemovalRefusal(conversation);
    if (reason !== undefined) {
      deps.emit("request.refused", { ...logFields, conversation, code: "forbidden", reason });
      return problem("forbidden", { detail: reason });
    }
    const removal = deps.removeConversation(conversation);
    if (removal === undefined) {
      deps.emit("request.refused", { ...logFields, conversation, code: "unavailable" });
      return problem("unavailable", { headers: { "Retry-After": "1" } });
    }
    if (await removal) deps.emit("conversation.removed", { ...logFields, conversation });
    return new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } });
  };
}
