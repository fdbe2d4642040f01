import { expect, test } from "bun:test";
import { signToken } from "../../src/server/authentication/tokens.ts";
import { NodeProcesses } from "../cli/node-processes.ts";
import { TestClient } from "../support/clients/test-client.ts";
import { startRedis } from "../support/redis/redis-server.ts";
import { TEST_SECRET, testKeys } from "../support/server/tokens.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const USERS = 4;
const CONNECTIONS = 3;

const ENV = {
  SECRET_KEY: TEST_SECRET,
  // Every user has as many connections as the plan allows.
  PLANS: `free:100:${CONNECTIONS}`,
  DEMO_ACCOUNTS: "false",
  LOG_LEVEL: "error",
};

test("W5 W8 after kill -9 clients of a full plan reconnect: named ones at once, others after the lease", async () => {
  await using redis = await startRedis();
  await using nodes = await NodeProcesses.start(2, () => ({ ...ENV, REDIS_URL: redis.url }));
  const keys = await testKeys();
  const everybody = Array.from({ length: USERS * CONNECTIONS }, (_, i) => ({
    user: `user-${i % USERS}`,
    // The last user's clients have no client name.
    query: i % USERS === USERS - 1 ? "" : `&client=tab-${i}`,
    room: `room-${Math.floor(i / USERS)}`,
  }));
  const open = async (node: number, { user, query, room }: (typeof everybody)[number]) => {
    const token = await signToken(keys, { subject: user, now: Date.now() });
    const address = `${nodes.url(node).replace("http", "ws")}/ws/${user}/${room}?token=${token}${query}`;
    return TestClient.open(address);
  };
  await Promise.all(
    everybody.map(async (each) => {
      const client = await open(0, each);
      await client.next("welcome");
    }),
  );
  await nodes.stop(0, "SIGKILL");
  const isBack = async (each: (typeof everybody)[number]) => {
    const client = await open(1, each);
    const first = await client.next("welcome").catch(() => undefined);
    if (first === undefined) {
      expect(client.of("closing")).toEqual([
        { type: "closing", code: 4409, reason: "too many connections", reconnect: true, retry_after: 5 },
      ]);
    }
    return first !== undefined;
  };
  // The first try of each succeeds, despite the leases of the dead node.
  const named = everybody.filter(({ query }) => query !== "");
  expect(await Promise.all(named.map(isBack))).toEqual(named.map(() => true));
  for (const each of everybody)
    if (each.query === "") await waitUntil("the client without a name is back", () => isBack(each));
});
