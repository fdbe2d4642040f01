import { encodeOwnEntry } from "../../../core/conversation/entry.ts";
import { hasMessage } from "../../../core/conversation/history.ts";
import type { HistoryResult } from "../../../core/ports/message-log.ts";
import { authenticateCaller } from "../caller.ts";
import type { HttpContext } from "../context.ts";
import { problem } from "../problem.ts";
import {
  type ConversationRoutesDeps,
  readSeq,
  refusal,
  refuseOtherEpoch,
  refuseReader,
  reply,
} from "./conversations.ts";

/**
 * `GET /conversations/{id}/messages/{seq}`: one message. It costs one request, as a page of history does. One that is not there is
 * refused, and free (Q2).
 */
export function readMessageRoute(deps: ConversationRoutesDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, "read");
    if (caller instanceof Response) return caller;
    const seq = readSeq(deps, c, caller);
    if (seq instanceof Response) return seq;
    const refused = await refuseReader(deps, caller);
    if (refused !== undefined) return refused;
    const { user, conversation, limit, plan } = caller;
    const conflicting = await refuseOtherEpoch(deps, conversation, c.req.query("epoch"));
    if (conflicting !== undefined) return conflicting;
    if (!hasMessage(await deps.engine.head(conversation), seq)) return missing(seq);
    const result = await new Promise<HistoryResult>((done) =>
      deps.engine.history({ conversation, user, limit, count: 1, after: seq - 1 }, done),
    );
    if (result.outcome !== "read") return refusal(result, plan);
    const [entry] = result.entries;
    // It was removed a moment ago.
    if (entry?.seq !== seq) return missing(seq);
    return reply(200, encodeOwnEntry(entry, result.mine?.get(seq)), result.quota, plan);
  };
}

function missing(seq: number): Response {
  return problem("not_found", {
    detail: `The conversation has no message ${seq}, or does not keep it any more.`,
  });
}
