import { unreadOf } from "../../../core/inbox/unread.ts";
import { OTHER_EPOCH } from "../../../core/members/refusals.ts";
import type { Inboxes } from "../../../core/ports/conversation/inbox.ts";
import type { ReadMarks } from "../../../core/ports/read-marks.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../../protocol/identifiers.ts";
import { MAX_BODY_BYTES } from "../body.ts";
import { authenticateCaller } from "../caller.ts";
import type { HttpContext } from "../context.ts";
import { problem } from "../problem.ts";
import { type ConversationRoutesDeps, invalid, readFrame, refuseReader } from "./conversations.ts";
import { replyJson } from "./members/request.ts";

export interface ReadMarkRouteDeps extends ConversationRoutesDeps {
  readonly marks: Pick<ReadMarks, "setReadMark">;
  readonly views: Pick<Inboxes, "read">;
  /** Announces a moved mark to the user's connections and to the others. */
  readonly announceReadMark: (conversation: string, user: string, seq: number) => void;
}

/**
 * `PUT /conversations/{id}/read` with `{seq, epoch?}`: the counterpart of a `read` frame; with an API key also `?user=…`. It returns
 * the mark and the unread count of the user, and is free.
 */
export function putReadMarkRoute(deps: ReadMarkRouteDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, "read");
    if (caller instanceof Response) return caller;
    const sent = await readFrame(deps, c, caller, "read", MAX_BODY_BYTES);
    if (sent instanceof Response) return sent;
    const named = c.req.query("user");
    const user = caller.isKey ? named : caller.user;
    if (user === undefined || !isIdentifier(user))
      return invalid(deps, caller, `\`user\`: must be there with an API key, and be ${IDENTIFIER_RULE}.`);
    if (!caller.isKey && named !== undefined && named !== caller.user)
      return problem("forbidden", { detail: "Only an API key may mark as read for another user (`user`)." });
    const refused = await refuseReader(deps, caller);
    if (refused !== undefined) return refused;
    const { conversation, isKey, actor } = caller;
    const { epoch } = sent.fields;
    const { views } = await deps.views.read([{ conversation, users: [user] }], false);
    const view = views[0]!;
    if (epoch !== undefined && epoch !== view.epoch)
      return problem("conflict", {
        detail: OTHER_EPOCH,
        extra: { epoch: view.epoch },
      });
    const isExempt = isKey || actor.manages === true;
    const mark = await deps.marks.setReadMark(conversation, user, sent.frame.seq, view.epoch, isExempt);
    if (mark !== undefined) deps.announceReadMark(conversation, user, mark);
    const read = Math.max(view.readers[0]!.read, mark ?? 0);
    return replyJson({ read, unread: unreadOf(view, read) });
  };
}
