import type { Grants } from "../../../core/access/grants.ts";
import type { InboxAsk } from "../../../core/inbox/answer.ts";
import { decodeCursor } from "../../../core/inbox/page.ts";
import { decodeFrameObject } from "../../../protocol/decode.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../../protocol/identifiers.ts";
import { type CallerDeps, findCaller, refuseForbidden, refuseInvalid } from "../caller.ts";
import type { HttpContext } from "../context.ts";

export interface InboxRouteDeps extends CallerDeps {
  /** Returns the body of the answer. */
  readonly readInbox: (user: string, grants: Grants, ask: InboxAsk) => Promise<string>;
}

/** `GET /inbox?limit=…&cursor=…&after=…`: the counterpart of an `inbox` frame; with an API key also `user=…`. The request is free. */
export function inboxRoute(deps: InboxRouteDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const sender = await findCaller(deps, c);
    if (sender instanceof Response) return sender;
    const query = readQuery(c);
    const user = query.user ?? sender.user;
    if (sender.isKey && query.user === undefined)
      return refuseInvalid(deps, sender, "`user`: must be there with an API key.");
    if (!isIdentifier(user)) return refuseInvalid(deps, sender, `\`user\`: must be ${IDENTIFIER_RULE}.`);
    if (!sender.isKey && user !== sender.user)
      return refuseForbidden(
        deps,
        sender,
        "/inbox",
        "Only an API key may read the inbox of another user (`user`).",
      );
    if (sender.grants.rights?.includes("read") === false)
      return refuseForbidden(deps, sender, "/inbox", "This token or key does not have the right `read`.");
    const { frame, error } = decodeFrameObject(query.frame, "");
    if (error !== undefined) return refuseInvalid(deps, sender, error.message);
    if (frame.type !== "inbox") throw new Error(`an inbox was read as ${frame.type}`);
    const cursor = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
    if (query.cursor !== undefined && cursor === undefined)
      return refuseInvalid(deps, sender, "`cursor`: is not one that this server gave.");
    const body = await deps.readInbox(user, sender.grants, {
      limit: frame.limit,
      cursor,
      after: frame.after,
    });
    return new Response(body, {
      headers: { "Content-Type": "application/json;charset=utf-8", "Cache-Control": "no-store" },
    });
  };
}

interface Query {
  readonly user: string | undefined;
  /** Not in the frame, because over HTTP the changes since a position have pages, too. */
  readonly cursor: string | undefined;
  readonly frame: Readonly<Record<string, unknown>>;
}

function readQuery(c: HttpContext): Query {
  const { limit, after, cursor, user } = c.req.query();
  return {
    user,
    cursor,
    frame: {
      type: "inbox",
      // A value that is not a number stays a text, and the schema reports it.
      ...(limit !== undefined && { limit: /^\d{1,15}$/.test(limit) ? Number(limit) : limit }),
      ...(after !== undefined && { after }),
    },
  };
}
