import { FaultProxy } from "../../delivery/fault-proxy.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import type { TestRedis } from "../../support/redis/redis-server.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

let prefixes = 0;

/** One of several servers on one Redis. */
export interface TestNode extends TestServer {
  /** Opens a socket of `user` and waits for its welcome; `query` begins with `&`. */
  connect(user: string, conversation?: string, query?: string): Promise<TestClient>;
  /** The address of such a socket. */
  address(user: string, conversation?: string, query?: string): Promise<string>;
  /** Cuts this node off from Redis, but not from its clients. */
  cutOff(): void;
  /** Lets it reach Redis again. */
  heal(): void;
}

/** Ends soon, for tests in which the lease of a node that is cut off ends. */
export const SHORT_LEASE = { NODE_LEASE: "1" };

/** Long, because all nodes of a test are in one process: if that stands still on a busy machine, no user may leave. */
const LONG_LEASE = { NODE_LEASE: "60" };

/** Starts `count` servers on one Redis, under a prefix of their own. */
export async function startNodes(
  redis: TestRedis,
  count: number,
  env: Readonly<Record<string, string>> = {},
): Promise<{ nodes: [TestNode, TestNode, TestNode] } & AsyncDisposable> {
  const prefix = `test-${++prefixes}`;
  const stack = new AsyncDisposableStack();
  const nodes: TestNode[] = [];
  for (let i = 0; i < count; i++) {
    const proxy = stack.use(await FaultProxy.start());
    proxy.target = redis.port;
    const url = `redis://127.0.0.1:${proxy.port}`;
    const server = stack.use(
      await startTestServer({ env: { REDIS_URL: url, REDIS_PREFIX: prefix, ...LONG_LEASE, ...env } }),
    );
    const address = async (user: string, conversation = "lobby", query = "") =>
      `${server.wsUrl}/ws/${user}/${conversation}?token=${await server.token(user)}${query}`;
    nodes.push({
      ...server,
      address,
      connect: async (...where) => TestClient.connect(await address(...where)),
      cutOff() {
        proxy.target = undefined;
        for (const line of [...proxy.connections]) line.reset();
      },
      heal() {
        proxy.target = redis.port;
      },
    });
  }
  return {
    nodes: nodes as [TestNode, TestNode, TestNode],
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The joins and leaves that a client received: `+anna`, `-anna`. */
export function presenceOf(client: TestClient): string[] {
  return client.of("presence").map(({ user, state }) => `${state === "joined" ? "+" : "-"}${user}`);
}
