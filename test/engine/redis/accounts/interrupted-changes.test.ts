// As interrupted-batch.test.ts, for accounts and presence. The story: a script ended after its change and before it
// published the change, and the other nodes never received it, because the repeat found nothing to change.
import { afterEach, expect, test } from "bun:test";
import type { Account } from "../../../../src/core/ports/accounts.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { InterruptedScripts } from "../support/interrupted-scripts.ts";
import { freshPrefix, useRealRedis } from "../support/real-redis.ts";
import { TestRelayNode } from "../support/test-relay-node.ts";
import { TestSharedPorts } from "../support/test-shared-ports.ts";

const redis = useRealRedis("standalone");

const ANNA: Account = {
  user: "anna",
  plan: "free",
  disabled: false,
  passwordHash: "x",
  demo: false,
  createdAt: 1,
};

let nodes: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
});

async function openTwo(): Promise<[TestSharedPorts, TestSharedPorts]> {
  const [prefix, clock] = [freshPrefix(), new ManualClock()];
  const pair: [TestSharedPorts, TestSharedPorts] = [
    await TestSharedPorts.open(redis, prefix, clock),
    await TestSharedPorts.open(redis, prefix, clock),
  ];
  nodes = [...pair];
  return pair;
}

test("SEC-T6 A3 an account change that is interrupted at any write reaches the other nodes when it is repeated", async () => {
  let ended = true;
  for (let write = 1; ended; write++) {
    const [node, other] = await openTwo();
    await node.accounts.add(ANNA);
    await node.accounts.add({ ...ANNA, user: "ben" });
    const received = new Map<string, Account | undefined>();
    other.accounts.watch((user, account) => received.set(user, account));
    await other.control.poll();
    const broken = new InterruptedScripts(node.client);
    for (const change of [
      () => node.accounts.update("anna", { disabled: true }),
      () => node.accounts.remove("ben"),
    ]) {
      broken.next = { script: "accounts/account-change", write };
      await change().catch(() => {});
      await change();
    }
    ended = broken.happened;
    await other.control.poll();
    expect([write, received.get("anna")?.disabled, received.has("ben"), received.get("ben")]).toEqual([
      write,
      true,
      true,
      undefined,
    ]);
    for (const each of nodes.splice(0)) await each.close();
  }
});

test("A3 when creating the first accounts is interrupted at any write, the next start has created all of them", async () => {
  let ended = true;
  for (let write = 1; ended; write++) {
    const [node] = await openTwo();
    const broken = new InterruptedScripts(node.client);
    broken.next = { script: "accounts/account-seed", write };
    const seed = () => node.accounts.seed([ANNA, { ...ANNA, user: "ben" }]);
    await seed().catch(() => {});
    await seed();
    ended = broken.happened;
    expect([write, (await node.accounts.list()).map(({ user }) => user)]).toEqual([write, ["anna", "ben"]]);
    for (const each of nodes.splice(0)) await each.close();
  }
});

test("P1 P2 every node sees a presence change in the end, at whichever write it was interrupted", async () => {
  let ended = true;
  for (let write = 1; ended; write++) {
    const [prefix, clock] = [freshPrefix(), new ManualClock()];
    await using node = await TestRelayNode.open(redis, prefix, clock);
    await using other = await TestRelayNode.open(redis, prefix, clock);
    const [here, there] = [await node.join("lobby"), await other.join("lobby")];
    here.room.join("anna", 1_000);
    await waitUntil("anna is present", () => there.events.includes("+anna"));
    const broken = new InterruptedScripts(node.client);
    broken.next = { script: "presence/presence-update", write };
    here.room.join("ben", 2_000);
    here.room.leave("anna", 2_000);
    await waitUntil("it is tried", () => broken.next === undefined);
    // Long enough for every conversation to be written again, and compared with the store.
    await waitUntil("both nodes agree on who is present", async () => {
      clock.advance(500);
      return [...there.room.remoteMembers().keys()].join() === "ben";
    });
    ended = broken.happened;
    expect([write, there.events]).toEqual([write, expect.arrayContaining(["+ben", "-anna"])]);
  }
});
