import type { Hono } from "hono";
import type { HttpEnvironment } from "../../context.ts";
import { type ActivityRouteDeps, getActivityRoute } from "./activity.ts";
import { type ApiKeyRoutesDeps, deleteApiKeyRoute, listApiKeysRoute, postApiKeyRoute } from "./api-keys.ts";
import {
  listConversationsRoute,
  type OperatorConversationRoutesDeps,
  retentionRoutes,
} from "./conversations.ts";
import { eraseUserRoute, exportUserRoute, getErasureRoute, type PersonRoutesDeps } from "./persons.ts";
import { listRevocationsRoute, postRevocationRoute, type RevocationRoutesDeps } from "./revocations.ts";
import { getStatisticsRoute, listNodesRoute, type ServerRoutesDeps } from "./servers.ts";
import {
  deleteUserRoute,
  getUserRoute,
  listUsersRoute,
  patchUserRoute,
  putUserRoute,
  signOutRoute,
  type UserRoutesDeps,
} from "./users.ts";

import { registerWebhookRoutes, type WebhookRoutesDeps } from "./webhooks.ts";

export type OperatorRoutesDeps = ApiKeyRoutesDeps &
  WebhookRoutesDeps &
  OperatorConversationRoutesDeps &
  PersonRoutesDeps &
  RevocationRoutesDeps &
  ActivityRouteDeps &
  ServerRoutesDeps &
  UserRoutesDeps;

/** The first part of the paths of the operator's API, but of those about conversations. */
const OPERATOR_ROOTS: ReadonlySet<string> = new Set([
  "users",
  "erasures",
  "revocations",
  "nodes",
  "statistics",
  "activity",
  "api-keys",
  "webhooks",
]);

/** Returns whether a path is one of the operator's API: its routes authenticate the sender of a request. */
export function isOperatorPath(path: string): boolean {
  return OPERATOR_ROOTS.has(path.split("/", 2)[1] ?? "");
}

/** Adds the routes of the operator's API. */
export function registerOperatorRoutes(app: Hono<HttpEnvironment>, deps: OperatorRoutesDeps): void {
  app.get("/users", listUsersRoute(deps));
  app.get("/users/:user", getUserRoute(deps));
  app.put("/users/:user", putUserRoute(deps));
  app.patch("/users/:user", patchUserRoute(deps));
  app.delete("/users/:user", deleteUserRoute(deps));
  app.post("/users/:user/sign-out", signOutRoute(deps));
  app.get("/users/:user/export", exportUserRoute(deps));
  app.post("/users/:user/erase", eraseUserRoute(deps));
  app.get("/erasures/:erasure", getErasureRoute(deps));
  app.get("/revocations", listRevocationsRoute(deps));
  app.post("/revocations", postRevocationRoute(deps));
  app.get("/nodes", listNodesRoute(deps));
  app.get("/statistics", getStatisticsRoute(deps));
  app.get("/activity", getActivityRoute(deps));
  app.get("/api-keys", listApiKeysRoute(deps));
  app.post("/api-keys", postApiKeyRoute(deps));
  app.delete("/api-keys/:name", deleteApiKeyRoute(deps));
  registerWebhookRoutes(app, deps);
  app.get("/conversations", listConversationsRoute(deps));
  const retention = retentionRoutes(deps);
  app.get("/conversations/:id/retention", retention.get);
  app.put("/conversations/:id/retention", retention.put);
  app.delete("/conversations/:id/retention", retention.remove);
}
