import type { FeedFilter } from "../../../../core/feed/filter.ts";
import type { ApiKeys } from "../../../authentication/api-keys.ts";
import type { EventFeed } from "../../../feed/event-feed.ts";
import type { EventPage } from "../../../feed/event-reader.ts";
import { readEventsQuery } from "../../../feed/query.ts";
import { type CallerDeps, findCaller, refuseForbidden, refuseInvalid, refuseKey } from "../../caller.ts";
import type { HttpContext } from "../../context.ts";
import { problem } from "../../problem.ts";

export interface EventsRouteDeps extends CallerDeps {
  readonly apiKeys: Pick<ApiKeys, "find" | "watchKey">;
  readonly eventFeed: Pick<EventFeed, "ask" | "newest" | "read" | "hasRoom">;
}

/** `GET /events?after=…&wait=…&limit=…&types=…&conversation=…`: what happened after a position. It needs an API key with `read`. */
export function eventsRoute(deps: EventsRouteDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const sender = await findCaller(deps, c);
    if (sender instanceof Response) return sender;
    if (!sender.isKey)
      return refuseForbidden(
        deps,
        sender,
        "/events",
        "Events are for API keys, and not for tokens of users.",
      );
    if (sender.grants.rights?.includes("read") !== true)
      return refuseForbidden(deps, sender, "/events", "This API key does not have the right `read`.");
    const query = readEventsQuery((name) => c.req.queries(name) ?? []);
    if ("problem" in query) return refuseInvalid(deps, sender, query.problem);
    const { types, conversations, limit, waitMs } = query;
    const { conversations: granted } = sender.grants;
    const filter: FeedFilter = {
      ...(types && { types }),
      ...(conversations && { conversations }),
      ...(granted && { granted }),
    };
    const { eventFeed } = deps;
    await eventFeed.ask(types);
    const after = query.after ?? (await eventFeed.newest());
    if (query.after === undefined && waitMs === 0) return reply({ events: [], position: after, more: false });
    if (waitMs > 0 && !eventFeed.hasRoom) {
      deps.emit("request.refused", { ...sender.logFields, path: "/events", code: "unavailable" });
      return problem("unavailable", {
        detail: "Too many requests wait for events here; ask again, or without `wait`.",
        headers: { "Retry-After": "1" },
      });
    }
    const key = deps.apiKeys.watchKey(sender.credential.tokenId);
    const signal = AbortSignal.any([c.req.raw.signal, key.signal]);
    const page = await eventFeed.read({ after, filter, limit, waitMs, signal }).finally(key.stop);
    if (key.signal.aborted) return refuseKey(deps, c);
    return page === undefined
      ? refuseInvalid(deps, sender, "`after`: is not a position that this server gave.")
      : reply(page);
  };
}

function reply({ events, position, more }: EventPage): Response {
  const body = `{"events":[${events.join(",")}],"more":${more},"position":${JSON.stringify(position)}}`;
  return new Response(body, {
    headers: { "Content-Type": "application/json;charset=utf-8", "Cache-Control": "no-store" },
  });
}
