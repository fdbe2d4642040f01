// The stream through which nodes share changes of accounts and revocations, and what happens when some of it is lost.
import { expect, test } from "bun:test";
import type { Revocation } from "../../../src/core/ports/revocations.ts";
import { NEVER } from "../../../src/core/ports/revocations.ts";
import { startRedis } from "../../support/redis/redis-server.ts";
import { accountOf } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { age, connectTo, freshPrefix, keysUnder, useRealRedis } from "./support/real-redis.ts";
import { TestSharedPorts } from "./support/test-shared-ports.ts";

const redis = useRealRedis("standalone");
const LOOK = 250;
const HOUR = 3_600_000;

/** Two nodes, of which the first watches and records the changes it receives. */
async function begin(connect = redis.connect) {
  const clock = new ManualClock();
  const prefix = freshPrefix();
  const here = await TestSharedPorts.open({ connect }, prefix, clock);
  const there = await TestSharedPorts.open({ connect }, prefix, clock);
  const received: string[] = [];
  here.accounts.watch((user, account) => received.push(`${user} ${account?.plan ?? "gone"}`));
  here.revocations.watch(
    (revocation: Revocation) => received.push(JSON.stringify(revocation)),
    () => void received.push("missed"),
  );
  // The first node has read the accounts by then.
  await here.accounts.list();
  return {
    clock,
    here,
    there,
    received,
    key: here.client.keys.globalKey("control"),
    /** One poll by the first node. */
    async poll() {
      clock.advance(LOOK);
      await here.control.poll();
      return received.splice(0);
    },
    async [Symbol.asyncDispose]() {
      for (const node of [here, there]) await node.close();
    },
  };
}

test("A3 SEC-T6 one poll, four times a second, returns another node's changes in their order", async () => {
  await using nodes = await begin();
  await nodes.there.accounts.add(accountOf("anna"));
  await nodes.there.revocations.revokeToken("one", NEVER);
  await nodes.there.revocations.revokeUser("ben", 7);
  await nodes.there.accounts.remove("anna");
  expect((await nodes.poll()).sort()).toEqual(
    ["anna gone", '{"tokenId":"one"}', '{"user":"ben","before":7}'].sort(),
  );
  expect(await nodes.poll()).toEqual([]);
});

test("A3 when the stream was emptied, accounts are compared, and other changes are reported as missed, once", async () => {
  await using nodes = await begin();
  for (const user of ["anna", "ben", "cleo"]) await nodes.there.accounts.add(accountOf(user));
  await nodes.poll();
  await nodes.there.accounts.update("anna", { plan: "premium" });
  await nodes.there.accounts.remove("ben");
  await nodes.there.client.commands.del(nodes.key);
  expect((await nodes.poll()).sort()).toEqual(["anna premium", "ben gone", "missed"]);
  expect(await nodes.poll()).toEqual([]);
  await nodes.there.accounts.remove("cleo");
  expect(await nodes.poll()).toEqual(["cleo gone"]);
});

test("A3 a node detects a stream that lost entries, as after a lagging failover, even when it has grown since", async () => {
  await using nodes = await begin();
  const { commands } = nodes.there.client;
  const before = await commands.dumpBuffer(nodes.key);
  await nodes.there.revocations.revokeToken("read-and-lost", NEVER);
  expect(await nodes.poll()).toEqual(['{"tokenId":"read-and-lost"}']);
  await commands.restore(nodes.key, 0, before, "REPLACE");
  await nodes.there.revocations.revokeToken("later", NEVER);
  expect(await nodes.poll()).toEqual(["missed"]);
  await nodes.there.revocations.revokeToken("latest", NEVER);
  expect(await nodes.poll()).toEqual(['{"tokenId":"latest"}']);
});

test("A3 more changes than the stream keeps are reported as missed", async () => {
  await using nodes = await begin();
  const { commands } = nodes.there.client;
  await Promise.all(
    Array.from({ length: 11_000 }, (_, k) =>
      commands.xadd(nodes.key, "MAXLEN", "~", 10_000, "*", "tokenId", `t${k}`),
    ),
  );
  expect(await nodes.poll()).toEqual(["missed"]);
  expect(await nodes.poll()).toEqual([]);
});

test("A3 one poll returns a burst of thousands of changes", async () => {
  await using nodes = await begin();
  const { commands } = nodes.there.client;
  const ids = Array.from({ length: 2_500 }, (_, k) => `t${k}`);
  await Promise.all(ids.map((id) => commands.xadd(nodes.key, "*", "tokenId", id)));
  expect(await nodes.poll()).toEqual(ids.map((tokenId) => JSON.stringify({ tokenId })));
});

test("A3 a change that a listener failed to handle is reported to it again, as missed", async () => {
  await using nodes = await begin();
  const calls: string[] = [];
  nodes.here.control.listen({
    onEvents() {
      calls.push("change");
      throw new Error("a listener's fault, made on purpose");
    },
    async onMissed() {
      calls.push("missed");
      if (calls.length < 3) throw new Error("and once more");
    },
  });
  await nodes.there.revocations.revokeToken("one", NEVER);
  for (let k = 0; k < 5; k++) await nodes.poll();
  expect(calls).toEqual(["change", "missed", "missed"]);
  // Logged once, not four times a second.
  expect(nodes.here.log.events()).toEqual(["control.listener_failed"]);
});

test("A3 L3 after Redis was unavailable everything is compared again, even when Redis lost all data", async () => {
  await using server = await startRedis();
  await using nodes = await begin((prefix) => connectTo(server.url, prefix));
  await nodes.there.accounts.add(accountOf("anna"));
  await nodes.poll();
  await server.kill();
  expect(await nodes.poll()).toEqual([]);
  await server.restart();
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = nodes.here.client.watchReady((ready) => ready && resolve());
  if (!nodes.here.client.ready) await promise;
  stop();
  expect((await nodes.poll()).sort()).toEqual(["anna gone", "missed"]);
  expect(await nodes.poll()).toEqual([]);
});

test("B1 the stream lives as long as a node reads it, and one day longer", async () => {
  await using nodes = await begin();
  for (let day = 0; day < 2; day++) {
    for (let hour = 0; hour < 24; hour++) {
      await age(nodes.here.client, HOUR);
      nodes.clock.advance(HOUR);
      await nodes.here.client.commands.ping();
    }
    expect(await nodes.poll()).toEqual([]);
  }
  await age(nodes.here.client, 24 * HOUR);
  expect(await keysUnder(nodes.here.client)).toEqual([]);
});
