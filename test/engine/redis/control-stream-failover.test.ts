// How nodes share changes of accounts and revocations when a lagging replica takes over.
import { expect, test } from "bun:test";
import { NEVER } from "../../../src/core/ports/revocations.ts";
import { withRedis } from "../../support/redis/connection.ts";
import { startSentinel } from "../../support/redis/sentinel.ts";
import { accountOf } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { connectTo, freshPrefix } from "./support/real-redis.ts";
import { TestSharedPorts } from "./support/test-shared-ports.ts";

test("A3 SEC-T6 after a failover every node has the current accounts, and receives later changes", async () => {
  await using sentinel = await startSentinel();
  const clock = new ManualClock();
  const prefix = freshPrefix();
  const open = () =>
    TestSharedPorts.open({ connect: (name) => connectTo(sentinel.url, name) }, prefix, clock);
  const [here, there] = [await open(), await open()];
  const received: string[] = [];
  here.accounts.watch((user, account) => received.push(`${user} ${account?.plan ?? "gone"}`));
  here.revocations.watch(
    (revocation) => received.push(JSON.stringify(revocation)),
    () => void received.push("missed"),
  );
  const poll = async () => {
    clock.advance(250);
    await here.control.poll();
    return received.splice(0).sort();
  };

  await there.accounts.add(accountOf("anna"));
  expect(await poll()).toEqual(["anna free"]);
  const primary = await sentinel.primary();
  await withRedis(primary.port, (redis) => redis.wait(1, 2_000));
  await sentinel.pauseReplication();
  await there.accounts.update("anna", { plan: "premium" });
  await there.revocations.revokeToken("lost", NEVER);
  expect(await poll()).toEqual(["anna premium", '{"tokenId":"lost"}']);
  await sentinel.killPrimary();
  await waitUntil("both nodes reach the new primary", async () => here.client.ready && there.client.ready);
  const afterFailover = await poll();
  // What the replica lacked is undone: the account is as it was.
  expect(afterFailover).toEqual(["anna free", "missed"]);
  await there.revocations.revokeToken("later", NEVER);
  expect(await poll()).toEqual(['{"tokenId":"later"}']);
  for (const node of [here, there]) await node.close();
});
