// What nodes tell each other of accounts and revocations, when a lagging replica takes over.
import { expect, test } from "bun:test";
import { NEVER } from "../../../src/core/ports/revocations.ts";
import { withRedis } from "../../support/redis/connection.ts";
import { startSentinel } from "../../support/redis/sentinel.ts";
import { accountOf } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { connectTo, freshPrefix } from "./support/real-redis.ts";
import { TestSharedPorts } from "./support/test-shared-ports.ts";

test("A3 T6 after a failover every node knows the accounts as they are, and hears of what comes", async () => {
  await using sentinel = await startSentinel();
  const clock = new ManualClock();
  const prefix = freshPrefix();
  const open = () =>
    TestSharedPorts.open({ connect: (name) => connectTo(sentinel.url, name) }, prefix, clock);
  const [here, there] = [await open(), await open()];
  const told: string[] = [];
  here.accounts.watch((user, account) => told.push(`${user} ${account?.plan ?? "gone"}`));
  here.revocations.watch(
    (revocation) => told.push(JSON.stringify(revocation)),
    () => void told.push("missed"),
  );
  const look = async () => {
    clock.advance(250);
    await here.control.poll();
    return told.splice(0).sort();
  };

  await there.accounts.add(accountOf("anna"));
  expect(await look()).toEqual(["anna free"]);
  const primary = await sentinel.primary();
  await withRedis(primary.port, (redis) => redis.wait(1, 2_000));
  await sentinel.pauseReplication();
  await there.accounts.update("anna", { plan: "premium" });
  await there.revocations.revokeToken("lost", NEVER);
  expect(await look()).toEqual(["anna premium", '{"tokenId":"lost"}']);
  await sentinel.killPrimary();
  await waitUntil("both nodes reach the new primary", async () => here.client.ready && there.client.ready);
  const heard = await look();
  // Whatever the replica had not got is taken back: the account is as it was.
  expect(heard).toEqual(["anna free", "missed"]);
  await there.revocations.revokeToken("later", NEVER);
  expect(await look()).toEqual(['{"tokenId":"later"}']);
  for (const node of [here, there]) await node.close();
});
