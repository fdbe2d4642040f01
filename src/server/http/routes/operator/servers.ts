import { nodeAnswer, storeAnswer } from "../../../../core/operator/answers.ts";
import type { Store } from "../../../../core/ports/store.ts";
import type { CallerDeps } from "../../caller.ts";
import { replyOf } from "../../verb.ts";
import type { Route } from "../members/request.ts";
import { operatorRoute } from "./request.ts";
import { GET_STATISTICS, LIST_NODES } from "./schemas.ts";

/** What this server knows of itself. */
export interface ServerState {
  readonly url: string;
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly connections: number;
  readonly openConversations: number;
  /** Since the start: messages by what became of them, and `delivered`. */
  readonly messages: Readonly<Record<string, number>>;
}

export interface ServerRoutesDeps extends CallerDeps {
  readonly serverState: () => ServerState;
  readonly store: Pick<Store, "nodes" | "measure">;
}

/** `GET /nodes`: the servers that share the store; this one where no other can use it. */
export function listNodesRoute(deps: ServerRoutesDeps): Route {
  const reply = replyOf(LIST_NODES);
  return operatorRoute(deps, async () => {
    const shared = await deps.store.nodes();
    if (shared !== undefined)
      return reply(200, { nodes: shared.nodes.map((node) => nodeAnswer(node, shared.now)), more: false });
    const { url, version, startedAt: at, connections } = deps.serverState();
    return reply(200, { nodes: [{ url, version, at, connections }], more: false });
  });
}

/** `GET /statistics`: numbers of the server that answers, of all servers, and of the store. */
export function getStatisticsRoute(deps: ServerRoutesDeps): Route {
  return operatorRoute(deps, async () => {
    const [shared, size] = await Promise.all([deps.store.nodes(), deps.store.measure()]);
    const { version, startedAt, connections, openConversations, messages } = deps.serverState();
    const at = deps.clock.now();
    const alive = shared?.nodes.filter(({ until }) => until > shared.now) ?? [{ connections }];
    return replyOf(GET_STATISTICS)(200, {
      at,
      server: {
        version,
        uptime: Math.max(0, at - startedAt) / 1000,
        connections,
        open_conversations: openConversations,
        memory_bytes: process.memoryUsage.rss(),
        messages,
      },
      cluster: {
        nodes: alive.length,
        connections: alive.reduce((sum, node) => sum + node.connections, 0),
      },
      store: storeAnswer(size),
    });
  });
}
