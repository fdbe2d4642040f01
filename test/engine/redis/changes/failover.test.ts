// Changes when another server becomes primary, with and without those that were made last. Real servers and sentinels.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ChangeSubject } from "../../../contracts/changes/change-subject.ts";
import { Subject } from "../../../contracts/engine/subject.ts";
import { startSentinel, type TestSentinel } from "../../../support/redis/sentinel.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { connectTo, freshPrefix } from "../support/real-redis.ts";
import { TestNode } from "../support/test-node.ts";

let sentinel: TestSentinel;
beforeAll(async () => {
  sentinel = await startSentinel();
});
afterAll(() => sentinel[Symbol.asyncDispose]());

async function open(prefix: string, ackAfter: "primary" | "replica" = "primary") {
  const node = await TestNode.open(await connectTo(sentinel.url, prefix), { ackAfter });
  const subject = await Subject.open(async () => ({
    engine: node.engine,
    reopen: async () => node.engine,
    clean: () => node.engine.clean(),
    close: () => node[Symbol.asyncDispose](),
  }));
  return { node, subject, changes: new ChangeSubject(subject) };
}

test("CH1 after a failover that lost changes the conversation has another epoch, and shows what the store has", async () => {
  const prefix = freshPrefix();
  const { node, subject, changes } = await open(prefix);
  await using _ = subject;
  const epochs: string[] = [];
  await subject.store("a");
  await subject.subscribe();
  node.engine.watchEpoch((_conversation, _seq, epoch) => epochs.push(epoch));
  await changes.edit(1, "kept");
  const before = await subject.engine.head("room");
  await sentinel.waitForReplica(`${prefix}:written`);
  await sentinel.pauseReplication();
  expect(await changes.edit(1, "lost")).toMatchObject({ outcome: "changed", rev: 2 });
  await sentinel.killPrimary();
  await waitUntil("the node is back", () => node.client.ready);
  await waitUntil("the loss is reported", () => epochs.length > 0);
  const after = await subject.engine.head("room");
  expect(after).toMatchObject({ seq: 1, rev: 1 });
  expect(after.epoch).not.toBe(before.epoch);
  expect(await changes.messages()).toMatchObject([{ text: "kept", rev: 1 }]);
  expect(await changes.edit(1, "again", { expectedEpoch: before.epoch })).toMatchObject({
    outcome: "other_epoch",
  });
  expect(await changes.edit(1, "again")).toMatchObject({ outcome: "changed", rev: 2 });
  // Where a replica must have it, an erasure that none has is not acked.
  const careful = await open(prefix, "replica");
  await using __ = careful.subject;
  expect(await careful.changes.erase(1)).toEqual({ outcome: "unavailable" });
});
