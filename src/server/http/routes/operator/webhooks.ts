import type { Hono } from "hono";
import type { Feed } from "../../../../core/ports/feed/feed.ts";
import type { WebhookStore } from "../../../../core/ports/feed/webhooks.ts";
import { type WebhookAnswer, webhookAnswer } from "../../../../core/webhooks/answer.ts";
import type { EndpointRules } from "../../../../core/webhooks/endpoint.ts";
import {
  editWebhook,
  explainReplaySince,
  pauseWebhook,
  replayWebhook,
  resumeWebhook,
  rotateSecret,
  type WebhookChange,
} from "../../../../core/webhooks/operate.ts";
import { MAX_WEBHOOKS, type StoredWebhook } from "../../../../core/webhooks/webhook.ts";
import type { FeedEventType } from "../../../../protocol/feed/event-types.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../../../protocol/identifiers.ts";
import type { EventFeed } from "../../../feed/event-feed.ts";
import { readEventTypes } from "../../../feed/query.ts";
import { addWebhook, changeWebhook } from "../../../webhooks/administer.ts";
import { makeWebhookSecret } from "../../../webhooks/signature.ts";
import { readWaiting } from "../../../webhooks/waiting.ts";
import { explainWebhookUrl } from "../../../webhooks/webhook-client.ts";
import { MAX_BODY_BYTES } from "../../body.ts";
import type { CallerDeps } from "../../caller.ts";
import type { HttpContext, HttpEnvironment } from "../../context.ts";
import type { Operator } from "../../operator.ts";
import { problem } from "../../problem.ts";
import { readQuery, replyOf } from "../../verb.ts";
import { type Route, readRequest } from "../members/request.ts";
import {
  BAD_CURSOR,
  decodeNameCursor,
  encodeCursor,
  invalid,
  operatorRoute,
  refuse,
  refuseFields,
} from "./request.ts";
import {
  DELETE_WEBHOOK,
  GET_WEBHOOK,
  LIST_WEBHOOKS,
  PATCH_WEBHOOK,
  PAUSE_WEBHOOK,
  POST_WEBHOOK,
  REPLAY_WEBHOOK,
  ROTATE_WEBHOOK,
} from "./webhook-schemas.ts";

export interface WebhookRoutesDeps extends CallerDeps {
  readonly webhooks: WebhookStore;
  readonly feed: Pick<Feed, "read" | "newest">;
  readonly eventFeed: Pick<EventFeed, "ask">;
  readonly endpointRules: EndpointRules;
}

/** Adds the verbs of webhooks. They are for keys that may read everything, because a webhook sends everything. */
export function registerWebhookRoutes(app: Hono<HttpEnvironment>, deps: WebhookRoutesDeps): void {
  app.get("/webhooks", listRoute(deps));
  app.post("/webhooks", postRoute(deps));
  app.get("/webhooks/:name", getRoute(deps));
  app.patch("/webhooks/:name", patchRoute(deps));
  app.delete("/webhooks/:name", deleteRoute(deps));
  app.post("/webhooks/:name/pause", pauseRoute(deps));
  app.post("/webhooks/:name/resume", resumeRoute(deps));
  app.post("/webhooks/:name/replay", replayRoute(deps));
  app.post("/webhooks/:name/rotate", rotateRoute(deps));
}

/** `GET /webhooks?limit&cursor`: the webhooks by id, without their secrets. */
function listRoute(deps: WebhookRoutesDeps): Route {
  return webhookRoute(deps, async (operator, c) => {
    const query = readQuery(deps, c, LIST_WEBHOOKS.query, operator);
    if (query instanceof Response) return query;
    const after = decodeNameCursor(query.cursor);
    if (after === null) return invalid(deps, c, operator, BAD_CURSOR);
    const rest = (await deps.webhooks.list()).filter(({ id }) => after === undefined || id > after);
    const page = rest.slice(0, query.limit);
    const more = rest.length > page.length;
    return replyOf(LIST_WEBHOOKS)(200, {
      webhooks: await Promise.all(page.map((webhook) => answerOf(deps, webhook))),
      more,
      ...(more && { cursor: encodeCursor(page.at(-1)!.id) }),
    });
  });
}

/** `POST /webhooks`: adds a webhook for the events from now on. Its secret is answered this once. */
function postRoute(deps: WebhookRoutesDeps): Route {
  return webhookRoute(deps, async (operator, c) => {
    const body = await readRequest(deps, c, POST_WEBHOOK.body, MAX_BODY_BYTES, operator.logFields);
    if (body instanceof Response) return body;
    const { url, conversations, id } = body;
    const wrong = explainWebhookUrl(url, deps.endpointRules);
    if (wrong !== undefined) return invalid(deps, c, operator, `\`url\`: ${wrong}.`);
    const types = expand(body.types);
    // First, so that no event is missing between the answer and the sender's next look.
    await deps.eventFeed.ask(types && new Set(types));
    const added = await addWebhook(
      deps.webhooks,
      { id, url, by: operator.name, ...(types && { types }), ...(conversations && { conversations }) },
      { position: await deps.feed.newest() },
      Math.floor(deps.clock.wall()),
    );
    switch (added.outcome) {
      case "added":
        deps.emit("operator.webhook_added", { ...operator.logFields, webhook: added.webhook.id });
        return replyOf(POST_WEBHOOK)(201, { ...(await answerOf(deps, added.webhook)), secret: added.secret });
      case "duplicate":
        return replyOf(POST_WEBHOOK)(200, { ...(await answerOf(deps, added.webhook)), duplicate: true });
      case "taken":
        return refuse(deps, c, operator, "conflict", `There is another webhook \`${id}\` already.`);
      case "full":
        return refuse(
          deps,
          c,
          operator,
          "conflict",
          `The store has ${MAX_WEBHOOKS} webhooks, and no place for another one: remove those that are not used.`,
        );
      default:
        return added satisfies never;
    }
  });
}

function getRoute(deps: WebhookRoutesDeps): Route {
  return namedRoute(deps, async (_operator, id) => {
    const webhook = await deps.webhooks.find(id);
    return webhook === undefined ? missing() : replyOf(GET_WEBHOOK)(200, await answerOf(deps, webhook));
  });
}

/** `PATCH /webhooks/{id}`: changes the fields that are named; null drops one. */
function patchRoute(deps: WebhookRoutesDeps): Route {
  return namedRoute(deps, async (operator, id, c) => {
    const body = await readRequest(deps, c, PATCH_WEBHOOK.body, MAX_BODY_BYTES, operator.logFields);
    if (body instanceof Response) return body;
    const { url, conversations } = body;
    const wrong = url === undefined ? undefined : explainWebhookUrl(url, deps.endpointRules);
    if (wrong !== undefined) return invalid(deps, c, operator, `\`url\`: ${wrong}.`);
    const types = body.types === null ? null : expand(body.types);
    const fields = {
      url,
      ...(types !== undefined && { types }),
      ...(conversations !== undefined && { conversations }),
    };
    if (types !== undefined) await deps.eventFeed.ask(types === null ? undefined : new Set(types));
    return change(deps, { operator, id, c, what: "edited" }, (stored) =>
      editWebhook(stored, fields, Math.floor(deps.clock.wall())),
    );
  });
}

/** `DELETE /webhooks/{id}`: 204, also when it is gone already. */
function deleteRoute(deps: WebhookRoutesDeps): Route {
  return namedRoute(deps, async (operator, id) => {
    if (await deps.webhooks.remove(id))
      deps.emit("operator.webhook_removed", { ...operator.logFields, webhook: id });
    return replyOf(DELETE_WEBHOOK)(204);
  });
}

function pauseRoute(deps: WebhookRoutesDeps): Route {
  return plainRoute(deps, (operator, id, c) =>
    change(deps, { operator, id, c, what: "paused" }, (stored) =>
      pauseWebhook(stored, Math.floor(deps.clock.wall())),
    ),
  );
}

function resumeRoute(deps: WebhookRoutesDeps): Route {
  return plainRoute(deps, (operator, id, c) =>
    change(deps, { operator, id, c, what: "resumed" }, (stored) =>
      resumeWebhook(stored, Math.floor(deps.clock.wall())),
    ),
  );
}

/** `POST /webhooks/{id}/replay`: sends again what came after a position, or since a time. */
function replayRoute(deps: WebhookRoutesDeps): Route {
  return namedRoute(deps, async (operator, id, c) => {
    const body = await readRequest(deps, c, REPLAY_WEBHOOK.body, MAX_BODY_BYTES, operator.logFields);
    if (body instanceof Response) return body;
    const { after, since } = body;
    if (after !== undefined && (await deps.feed.read(after, {}, 1)) === undefined)
      return invalid(deps, c, operator, "`after`: is not a position that this server gave.");
    const wrong = since === undefined ? undefined : explainReplaySince(since, deps.clock.wall());
    if (wrong !== undefined) return invalid(deps, c, operator, `\`since\`: ${wrong}.`);
    const from = after === undefined ? { since: since! } : { after };
    return change(deps, { operator, id, c, what: "replayed" }, (stored) => replayWebhook(stored, from));
  });
}

/** `POST /webhooks/{id}/rotate`: gives it a new secret, which is answered this once. */
function rotateRoute(deps: WebhookRoutesDeps): Route {
  return namedRoute(deps, async (operator, id, c) => {
    const body = await readRequest(deps, c, ROTATE_WEBHOOK.body, MAX_BODY_BYTES, operator.logFields);
    if (body instanceof Response) return body;
    const secret = makeWebhookSecret();
    return change(
      deps,
      { operator, id, c, what: "rotated" },
      (stored) => rotateSecret(stored, secret, body.seconds, Math.floor(deps.clock.wall())),
      (webhook) => replyOf(ROTATE_WEBHOOK)(200, { ...webhook, secret }),
    );
  });
}

async function answerOf({ feed }: WebhookRoutesDeps, webhook: StoredWebhook): Promise<WebhookAnswer> {
  return webhookAnswer(webhook, await readWaiting(feed, webhook));
}

interface ChangeRequest {
  readonly operator: Operator;
  readonly id: string;
  readonly c: HttpContext;
  /** For the log. */
  readonly what: string;
}

async function change(
  deps: WebhookRoutesDeps,
  { operator, id, c, what }: ChangeRequest,
  decide: (stored: StoredWebhook) => WebhookChange | undefined,
  answer = (webhook: WebhookAnswer) => replyOf(PAUSE_WEBHOOK)(200, webhook),
): Promise<Response> {
  const result = await changeWebhook(deps.webhooks, id, decide);
  switch (result.outcome) {
    case "missing":
      return missing();
    case "busy":
      return refuse(deps, c, operator, "unavailable", "The webhook is being changed by others all the time.");
    case "changed":
      deps.emit("operator.webhook_changed", { ...operator.logFields, webhook: id, changed: [what] });
      return answer(await answerOf(deps, result.webhook));
    case "unchanged":
      return answer(await answerOf(deps, result.webhook));
    default:
      return result satisfies never;
  }
}

/** A route for keys that may manage and read: an operator's key without `read` would read everything by a webhook of its own. */
function webhookRoute(
  deps: WebhookRoutesDeps,
  handle: (operator: Operator, c: HttpContext) => Promise<Response>,
): Route {
  return operatorRoute(deps, async (operator, c) =>
    operator.grants.rights.includes("read")
      ? handle(operator, c)
      : refuse(
          deps,
          c,
          operator,
          "forbidden",
          "Webhooks send what is said, so the API key needs the right `read`, too.",
        ),
  );
}

function namedRoute(
  deps: WebhookRoutesDeps,
  handle: (operator: Operator, id: string, c: HttpContext) => Promise<Response>,
): Route {
  return webhookRoute(deps, async (operator, c) => {
    const id = c.req.param("name") ?? "";
    if (isIdentifier(id)) return handle(operator, id, c);
    deps.emit("request.invalid", { ...operator.logFields, path: c.req.path, code: "bad_address" });
    return problem("bad_address", { detail: `The webhook in the address must be ${IDENTIFIER_RULE}.` });
  });
}

/** A route of a verb without a body. */
function plainRoute(deps: WebhookRoutesDeps, handle: Parameters<typeof namedRoute>[1]): Route {
  return namedRoute(
    deps,
    async (operator, id, c) => (await refuseFields(deps, c, operator)) ?? handle(operator, id, c),
  );
}

function missing(): Response {
  return problem("not_found", { detail: "There is no such webhook." });
}

function expand(types: readonly string[] | undefined): readonly FeedEventType[] | undefined {
  if (types === undefined) return undefined;
  const read = readEventTypes(types.join(","));
  return typeof read === "string" ? undefined : [...read];
}
