import { explainRemovalRefusal } from "../../../core/conversation/removal-over-http.ts";
import { authenticateCaller, type CallerDeps } from "../caller.ts";
import type { HttpContext } from "../context.ts";
import { problem } from "../problem.ts";

export interface RemovalRouteDeps extends CallerDeps {
  /** Removes a conversation's messages and read marks, and returns whether it existed; undefined if too many removals wait. */
  readonly removeConversation: (id: string) => Promise<boolean> | undefined;
}

/** `DELETE /conversations/{id}`: removes a conversation of checks (core/conversation/removal-over-http.ts); 204, also where it does not exist. */
export function removeConversationRoute(parts: RemovalRouteDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const caller = await authenticateCaller(parts, c, "write");
    if (caller instanceof Response) return caller;
    const { conversation, logFields: who } = caller;
    const reason = explainRemovalRefusal(conversation);
    if (reason !== undefined) {
      parts.emit("request.refused", { ...who, conversation, code: "forbidden", reason });
      return problem("forbidden", { detail: reason });
    }
    const removal = parts.removeConversation(conversation);
    if (removal === undefined) {
      parts.emit("request.refused", { ...who, conversation, code: "unavailable" });
      return problem("unavailable", { headers: { "Retry-After": "1" } });
    }
    if (await removal) parts.emit("conversation.removed", { ...who, conversation });
    return new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } });
  };
}
