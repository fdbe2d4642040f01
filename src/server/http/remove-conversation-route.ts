import { refuseRemoval } from "../../core/check-conversations.ts";
import { type CallerParts, identifyCaller } from "./caller.ts";
import type { HttpContext } from "./environment.ts";
import { problem } from "./problem.ts";

export interface RemovalParts extends CallerParts {
  /** Removes a conversation's messages and read marks, and answers whether there was one; undefined: too many wait. */
  readonly removeConversation: (id: string) => Promise<boolean> | undefined;
}

/** `DELETE /conversations/{id}`: removes a conversation of checks (core/check-conversations.ts); 204, also where there is none. */
export function removeConversationRoute(parts: RemovalParts): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const caller = await identifyCaller(parts, c, "write");
    if (caller instanceof Response) return caller;
    const { conversation, who } = caller;
    const reason = refuseRemoval(conversation);
    if (reason !== undefined) {
      parts.log.warn("request.refused", { ...who, conversation, code: "forbidden", reason });
      return problem("forbidden", { detail: reason });
    }
    const removal = parts.removeConversation(conversation);
    if (removal === undefined) {
      parts.log.warn("request.refused", { ...who, conversation, code: "unavailable" });
      return problem("unavailable", { headers: { "Retry-After": "1" } });
    }
    if (await removal) parts.log.info("conversation.removed", { ...who, conversation });
    return new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } });
  };
}
