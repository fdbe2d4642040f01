import { explainMissingKeyRight } from "../../../../core/access/api-keys.ts";
import { factsReply } from "../../../../core/members/facts-reply.ts";
import type { Actor } from "../../../../core/members/standing.ts";
import type { ConversationStore, RetentionOverride } from "../../../../core/ports/conversations.ts";
import { ConcurrencyLimiter } from "../../../concurrency-limiter.ts";
import { MAX_BODY_BYTES } from "../../body.ts";
import { authenticateCaller, type Caller, findCaller } from "../../caller.ts";
import type { HttpContext } from "../../context.ts";
import { problem } from "../../problem.ts";
import { readQuery, replyOf } from "../../verb.ts";
import { type MemberRoutesDeps, type Route, readRequest } from "../members/request.ts";
import { BAD_CURSOR, decodeCursor, encodeCursor, invalid, refuse } from "./request.ts";
import { DELETE_RETENTION, GET_RETENTION, LIST_CONVERSATIONS, PUT_RETENTION } from "./schemas.ts";

/** Opens the conversations as a command does, next to the server, and closes them again. */
export type WithConversations = <T>(task: (conversations: ConversationStore) => Promise<T>) => Promise<T>;

export interface OperatorConversationRoutesDeps extends MemberRoutesDeps {
  readonly withConversations: WithConversations;
}

/** How many pages of names are read for one answer, at most: a key may be limited to few of many conversations. */
const MAX_PAGES = 10;

/**
 * `GET /conversations?limit&cursor`: the facts of the conversations that the key allows. A page may have fewer than `limit`, also
 * none, and on Redis they are in no order.
 */
export function listConversationsRoute(deps: OperatorConversationRoutesDeps): Route {
  return async (c) => {
    const found = await findCaller(deps, c);
    if (found instanceof Response) return found;
    if (!found.isKey)
      return refuse(
        deps,
        c,
        { logFields: { ...found.logFields, key: found.user } },
        "forbidden",
        "Only an API key may list all conversations; `GET /inbox` has those of a user.",
      );
    const { grants, user: name, logFields } = found;
    if (grants.rights?.includes("read") !== true)
      return refuse(deps, c, { logFields: { ...logFields, key: name } }, "forbidden", NO_READ);
    const query = readQuery(deps, c, LIST_CONVERSATIONS.query, found);
    if (query instanceof Response) return query;
    const actor: Actor = { kind: "key", name };
    const conversations: ReturnType<typeof factsReply>[] = [];
    let next = decodeCursor(query.cursor);
    for (let pages = 0; pages < MAX_PAGES && conversations.length < query.limit; pages++) {
      const page = await deps.members.names(query.limit - conversations.length, next);
      if (page === undefined) return invalid(deps, c, found, BAD_CURSOR);
      const allowed = page.items.filter((each) => explainMissingKeyRight(grants, each, "read") === undefined);
      const views = await Promise.all(allowed.map((each) => deps.members.read(each, [])));
      for (const [i, view] of views.entries())
        if (view.exists) conversations.push(factsReply(allowed[i]!, view, actor));
      next = page.next;
      if (next === undefined) break;
    }
    return replyOf(LIST_CONVERSATIONS)(200, {
      conversations,
      more: next !== undefined,
      ...(next !== undefined && { cursor: encodeCursor(next) }),
    });
  };
}

const NO_READ = "This API key does not have the right `read`.";

/** The verbs of `/conversations/{id}/retention`: how long a conversation keeps its messages, where that is not as in the settings. */
export function retentionRoutes(deps: OperatorConversationRoutesDeps): {
  readonly get: Route;
  readonly put: Route;
  readonly remove: Route;
} {
  // Opening the store next to the server takes some of its time, so one request after the other does.
  const limiter = new ConcurrencyLimiter({ permits: 1, maxWaiting: MAX_WAITING });
  /** Carries out `task` on the open store, and answers its result; or refuses it where too many wait. */
  const withStore = async <T>(
    { logFields, conversation }: Caller,
    task: (store: ConversationStore) => Promise<T>,
    answer: (result: T) => Response,
  ): Promise<Response> => {
    const done = await limiter.run(() => deps.withConversations(task));
    if (done.outcome === "done") return answer(done.value);
    deps.emit("request.refused", { ...logFields, conversation, code: "unavailable" });
    return problem("unavailable", { detail: BUSY, headers: { "Retry-After": "1" } });
  };
  const asKey = (handle: (caller: Caller, c: HttpContext) => Promise<Response>): Route => {
    return async (c) => {
      const caller = await authenticateCaller(deps, c, { key: "manage", user: "write" });
      if (caller instanceof Response) return caller;
      if (caller.isKey) return handle(caller, c);
      const { conversation, logFields } = caller;
      deps.emit("request.refused", { ...logFields, conversation, code: "forbidden", reason: KEYS_ONLY });
      return problem("forbidden", { detail: KEYS_ONLY });
    };
  };
  const missing = ({ logFields, conversation }: Caller) => {
    deps.emit("request.refused", { ...logFields, conversation, code: "not_found" });
    return problem("not_found", { detail: "There is no such conversation." });
  };
  const changed = ({ logFields: { address, key = "" }, conversation }: Caller, keep: RetentionOverride) =>
    deps.emit("operator.retention_changed", {
      ...{ address, key, conversation },
      ...(keep.messages !== null && { keep_messages: keep.messages }),
      ...(keep.days !== null && { keep_days: keep.days }),
    });
  return {
    get: asKey((caller) =>
      withStore(
        caller,
        (store) => store.find(caller.conversation),
        (found) =>
          found === undefined ? missing(caller) : replyOf(GET_RETENTION)(200, retentionAnswer(found.keep)),
      ),
    ),
    put: asKey(async (caller, c) => {
      const body = await readRequest(deps, c, PUT_RETENTION.body, MAX_BODY_BYTES, caller.logFields);
      if (body instanceof Response) return body;
      const keep = { messages: body.messages ?? null, days: body.days ?? null };
      return withStore(
        caller,
        (store) => store.retain(caller.conversation, keep),
        (exists) => {
          if (!exists) return missing(caller);
          changed(caller, keep);
          return replyOf(PUT_RETENTION)(200, retentionAnswer(keep));
        },
      );
    }),
    remove: asKey((caller) =>
      withStore(
        caller,
        (store) => store.retain(caller.conversation, AS_SETTINGS),
        (exists) => {
          if (exists) changed(caller, AS_SETTINGS);
          return replyOf(DELETE_RETENTION)(204);
        },
      ),
    ),
  };
}

const AS_SETTINGS: RetentionOverride = { messages: null, days: null };

/** Most requests that wait while another one has the store open. */
const MAX_WAITING = 16;

const BUSY = "Too many requests of operators wait for the store of this server. Ask again in a moment.";

const KEYS_ONLY = "Only an API key with the right `manage` may say how long messages are kept.";

function retentionAnswer({ messages, days }: RetentionOverride) {
  return { ...(messages !== null && { messages }), ...(days !== null && { days }) };
}
