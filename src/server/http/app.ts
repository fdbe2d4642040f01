import { Hono, type MiddlewareHandler } from "hono";
import type { OriginRule } from "../../core/access/origins.ts";
import type { BurstRule } from "../../core/session/flood-guard.ts";
import { ERRORS } from "../../protocol/errors.ts";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import { beginRefresh, type RefreshDeps, refresh } from "../authentication/refresh.ts";
import { type SignInDeps, signIn } from "../authentication/sign-in.ts";
import { FAULTS_PATH, type FaultInjector, faultRoute, localOnly } from "../faults/route.ts";
import { BodyAborted, MAX_BODY_BYTES, refuseLongBody } from "./body.ts";
import type { HttpContext, HttpEnvironment } from "./context.ts";
import { CROSS_ORIGIN_PATHS, crossOrigin } from "./cross-origin.ts";
import { refuseForeignPages } from "./foreign-pages.ts";
import { problem, Refusal, type RefusalMetrics } from "./problem.ts";
import { createGuard, guardUnauthenticated } from "./request-guard.ts";
import { API_PAGE_PATHS, type ApiPageDeps, apiPageRoute } from "./routes/api-page.ts";
import { type ConfigRouteDeps, configRoute } from "./routes/config.ts";
import { sessionEndRoute, sessionTokenRoute } from "./routes/console-session.ts";
import { postMessageRoute, presenceRoute, readMessagesRoute } from "./routes/conversations.ts";
import { type EventsRouteDeps, eventsRoute } from "./routes/feed/events.ts";
import { healthRoute, readyRoute } from "./routes/health.ts";
import { type InboxRouteDeps, inboxRoute } from "./routes/inbox.ts";
import { type LogoutRouteDeps, logoutRoute } from "./routes/logout.ts";
import { type MeRouteDeps, meRoute } from "./routes/me.ts";
import {
  createConversationRoute,
  patchConversationRoute,
  putConversationRoute,
  readConversationRoute,
} from "./routes/members/facts.ts";
import {
  liftSanctionRoute,
  listMembersRoute,
  listSanctionsRoute,
  putMemberRoute,
  putSanctionRoute,
  removeMemberRoute,
} from "./routes/members/members.ts";
import { MAX_BATCH_BYTES, postMessagesRoute } from "./routes/messages/batch.ts";
import {
  type ChangeRoutesDeps,
  editMessageRoute,
  eraseMessageRoute,
  reactRoute,
} from "./routes/messages/change.ts";
import {
  isOperatorPath,
  type OperatorRoutesDeps,
  registerOperatorRoutes,
} from "./routes/operator/register.ts";
import { type Page, pageRoute } from "./routes/page.ts";
import { putReadMarkRoute, type ReadMarkRouteDeps } from "./routes/read-mark.ts";
import { type RemovalRouteDeps, removeConversationRoute } from "./routes/remove-conversation.ts";
import { readMessageRoute } from "./routes/single-message.ts";
import { cancelAnswersRoute, cancelStreamRoute } from "./routes/streams/cancel.ts";
import type { StreamRoutesDeps } from "./routes/streams/request.ts";
import { startStreamRoute } from "./routes/streams/start.ts";
import { writeStreamRoute } from "./routes/streams/write.ts";
import { type TicketRouteDeps, ticketRoute } from "./routes/ticket.ts";
import { type TokenIssuer, tokenRoute, tokensUnavailable } from "./routes/token.ts";
import { securityHeaders } from "./security-headers.ts";

export type AppDeps = SignInDeps &
  RefreshDeps &
  ConfigRouteDeps &
  Omit<
    MeRouteDeps &
      LogoutRouteDeps &
      TicketRouteDeps &
      ReadMarkRouteDeps &
      RemovalRouteDeps &
      InboxRouteDeps &
      EventsRouteDeps &
      StreamRoutesDeps &
      ChangeRoutesDeps &
      OperatorRoutesDeps &
      ApiPageDeps,
    "guard"
  > & {
    /** The rate of requests that one user may send (M2). */
    readonly burst: BurstRule;
    readonly page: Page;
    /** Injects faults on request; undefined if TEST_FAULTS is off. */
    readonly faults?: FaultInjector | undefined;
    /** The origins whose pages may use the server. */
    readonly origins: OriginRule;
    /** Whether the server accepts new clients: the store can be written and the server is not draining. */
    readonly ready: () => boolean;
    /** Returns whether an error means that the store cannot be reached. */
    readonly isStoreUnavailable: (error: unknown) => boolean;
  };

/** Creates the HTTP application of the server. Requests for `/ws/*` do not reach it: `handleUpgrade` handles them. */
export function createApp(appParts: AppDeps): Hono<HttpEnvironment> {
  const parts = { ...appParts, guard: createGuard(appParts.burst, appParts) };
  const app = new Hono<HttpEnvironment>();
  if (parts.metrics !== undefined) app.use(countRefusals(parts.metrics));
  app.use(securityHeaders);
  const { faults } = parts;
  const shared = faults === undefined ? CROSS_ORIGIN_PATHS : [...CROSS_ORIGIN_PATHS, FAULTS_PATH];
  for (const path of shared) app.use(path, crossOrigin(parts.origins.allowed));
  // Health checks and the files of the page need little work, and are open to any client.
  const free = new Set(["/healthz", "/readyz", ...parts.page.keys()]);
  app.use(refuseForeignPages(parts, free));
  app.use(guardUnauthenticated(parts.guard, free, isAuthenticatedPath));
  app.use(bodyLimits(parts));

  const withRefresh: SignInDeps =
    parts.refreshLifetime > 0 ? { ...parts, beginRefresh: (account) => beginRefresh(parts, account) } : parts;
  const issuer: TokenIssuer = {
    signIn: (credentials) => signIn(withRefresh, credentials),
    refresh: (request) => refresh(parts, request),
  };
  app.post("/token", tokenRoute(issuer, parts.emit));
  // Without crossOrigin(): no page of another origin may use the cookie.
  app.post("/console/session/token", sessionTokenRoute(issuer, parts));
  app.post("/console/session/end", sessionEndRoute(parts));
  app.post("/logout", logoutRoute(parts));
  app.post("/ticket", ticketRoute(parts));
  app.get("/me", meRoute(parts));
  app.get("/inbox", inboxRoute(parts));
  app.get("/events", eventsRoute(parts));
  app.post("/messages", postMessagesRoute(parts));
  app.get("/conversations/:id/messages", readMessagesRoute(parts));
  app.post("/conversations/:id/messages", postMessageRoute(parts));
  app.get("/conversations/:id/messages/:seq", readMessageRoute(parts));
  app.patch("/conversations/:id/messages/:seq", editMessageRoute(parts));
  app.delete("/conversations/:id/messages/:seq", eraseMessageRoute(parts));
  app.put("/conversations/:id/messages/:seq/reactions/:reaction", reactRoute(parts, true));
  app.delete("/conversations/:id/messages/:seq/reactions/:reaction", reactRoute(parts, false));
  app.put("/conversations/:id/read", putReadMarkRoute(parts));
  app.post("/conversations/:id/streams", startStreamRoute(parts));
  app.delete("/conversations/:id/streams", cancelAnswersRoute(parts));
  app.post("/conversations/:id/streams/:stream", writeStreamRoute(parts));
  app.delete("/conversations/:id/streams/:stream", cancelStreamRoute(parts));
  app.get("/conversations/:id/presence", presenceRoute(parts));
  app.post("/conversations", createConversationRoute(parts));
  app.get("/conversations/:id", readConversationRoute(parts));
  app.put("/conversations/:id", putConversationRoute(parts));
  app.patch("/conversations/:id", patchConversationRoute(parts));
  app.delete("/conversations/:id", removeConversationRoute(parts));
  app.get("/conversations/:id/members", listMembersRoute(parts));
  app.put("/conversations/:id/members/:user", putMemberRoute(parts));
  app.delete("/conversations/:id/members/:user", removeMemberRoute(parts));
  for (const kind of ["mute", "ban"] as const) {
    const path = `/conversations/:id/${kind}s`;
    app.get(path, listSanctionsRoute(parts, kind));
    app.put(`${path}/:user`, putSanctionRoute(parts, kind));
    app.delete(`${path}/:user`, liftSanctionRoute(parts, kind));
  }
  registerOperatorRoutes(app, parts);
  if (faults !== undefined) app.post(FAULTS_PATH, localOnly(parts.emit), faultRoute({ ...parts, faults }));
  app.get("/healthz", healthRoute);
  app.get("/readyz", readyRoute(parts.ready));
  app.get("/config.json", configRoute(parts));
  for (const path of API_PAGE_PATHS) app.get(path, apiPageRoute(parts, path));
  for (const [path, file] of parts.page) app.get(path, pageRoute(file));

  refuseOtherMethods(app);
  app.notFound(() => problem("not_found"));
  app.onError((error, c) => onUnexpectedError(parts, error, c));
  return app;
}

/** Counts each refusal, of whichever route. `/readyz` refuses nothing: a balancer asks it again and again. */
function countRefusals(metrics: RefusalMetrics): MiddlewareHandler<HttpEnvironment> {
  return async (c, next) => {
    await next();
    if (c.res instanceof Refusal && c.req.path !== "/readyz") metrics.requestRefused(c.res.code);
  };
}

/** Returns whether the routes of `path` authenticate the sender of a request. */
function isAuthenticatedPath(path: string): boolean {
  return (
    ["/me", "/inbox", "/events", "/logout", "/ticket", "/messages", FAULTS_PATH, ...API_PAGE_PATHS].includes(
      path,
    ) ||
    isAboutConversations(path) ||
    isOperatorPath(path)
  );
}

function isAboutConversations(path: string): boolean {
  return path === "/conversations" || path.startsWith("/conversations/");
}

function maxBytesOf(path: string): number {
  if (path === "/messages") return MAX_BATCH_BYTES;
  return isAboutConversations(path) ? MAX_FRAME_BYTES : MAX_BODY_BYTES;
}

/** Refuses a body whose stated length is too large, before any other work for its client. */
function bodyLimits(deps: AppDeps): MiddlewareHandler<HttpEnvironment> {
  return async (c, next) => {
    const maxBytes = maxBytesOf(c.req.path);
    if (Number(c.req.header("Content-Length") ?? 0) <= maxBytes) return next();
    return refuseLongBody(deps.emit, c, maxBytes);
  };
}

/**
 * Replies to OPTIONS with `Allow`, since HAProxy's default health check is an OPTIONS request. Replies to any other method
 * with 405 if the path has a route for another method (RFC 9110 §9.3.7, §15.5.6).
 */
function refuseOtherMethods(app: Hono<HttpEnvironment>): void {
  // Sockets: `handleUpgrade` handles all methods except OPTIONS.
  const methods = new Map([["/ws/:user/:conversation", ["GET"]]]);
  for (const { path, method } of app.routes) {
    if (method === "ALL") continue;
    const allowed = method === "GET" ? ["GET", "HEAD"] : [method];
    methods.set(path, [...(methods.get(path) ?? []), ...allowed]);
  }
  for (const [path, allowed] of methods) {
    const allow = [...allowed, "OPTIONS"].join(", ");
    app.options(path, () => new Response(null, { status: 204, headers: { Allow: allow } }));
    app.all(path, (c) =>
      problem("method_not_allowed", {
        detail: `This address answers ${allow}, not ${c.req.method}.`,
        headers: { Allow: allow },
      }),
    );
  }
}

/** The log gets the error; the client gets only the id of that log line (M5). */
function onUnexpectedError(
  { emit, isStoreUnavailable }: Pick<AppDeps, "emit" | "isStoreUnavailable">,
  error: Error,
  c: HttpContext,
): Response {
  const id = crypto.randomUUID();
  const { method, path } = c.req;
  if (error instanceof BodyAborted) {
    emit("request.aborted", { address: c.env.address, method, path });
    return problem("malformed", { detail: error.message });
  }
  // The store was unavailable; the log has the reason already.
  if (isStoreUnavailable(error)) {
    emit("request.refused", { address: c.env.address, path, code: "unavailable" });
    if (path === "/token" || path === "/console/session/token") return tokensUnavailable();
    return problem("unavailable", { headers: { "Retry-After": "1" } });
  }
  emit("request.failed", {
    id,
    method,
    path,
    address: c.env.address,
    error: error.stack ?? String(error),
  });
  return problem("internal", { detail: `${ERRORS.internal.what} Its id is ${id}.`, extra: { id } });
}
