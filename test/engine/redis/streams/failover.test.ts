// Streams when another server becomes primary, with and without what was written last. Real servers and sentinels.
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { StreamEvent } from "../../../../src/core/ports/conversation/streams.ts";
import { startSentinel, type TestSentinel } from "../../../support/redis/sentinel.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { connectTo, freshPrefix } from "../support/real-redis.ts";
import { streamsOf } from "../support/streams-of.ts";
import { TestNode } from "../support/test-node.ts";

let sentinel: TestSentinel;
beforeAll(async () => {
  sentinel = await startSentinel();
});
afterAll(() => sentinel[Symbol.asyncDispose]());

async function openNode(prefix: string) {
  const node = await TestNode.open(await connectTo(sentinel.url, prefix));
  const streams = await streamsOf(node);
  return { node, streams, events: streams.watch(), [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
}

test("ST1 ST3 after a failover that lost appends readers get what the store has, and the writer goes on from there", async () => {
  const prefix = freshPrefix();
  await using here = await openNode(prefix);
  await using there = await openNode(prefix);
  const kept = await here.streams.open("kept");
  await here.streams.append(kept, { n: 1, text: "one" });
  await waitUntil("the other node knows", () => there.events.length === 1 || read(there));
  await sentinel.waitForReplica(`${prefix}:written`);
  await sentinel.pauseReplication();
  expect(await here.streams.append(kept, { n: 2, text: " two" })).toMatchObject({ outcome: "stored" });
  const lost = await here.streams.open("lost");
  const before = { here: here.events.length, there: there.events.length };
  await sentinel.killPrimary();
  await waitUntil("both are back", () => here.node.client.ready && there.node.client.ready);
  const since = (side: "here" | "there", events: readonly StreamEvent[]) => events.slice(before[side]);
  for (const [side, { events }] of [
    ["here", here],
    ["there", there],
  ] as const)
    await waitUntil(`the readers ${side} get what the store has`, () =>
      since(side, events).some((event) => event.type === "draft" && event.draft.text === "one"),
    );
  await waitUntil("the lost stream has ended for its writer", () =>
    since("here", here.events).some((event) => event.type === "ended" && event.stream === lost.stream),
  );
  expect(await here.streams.append(lost, { n: 1, text: "x" })).toEqual({ outcome: "fenced" });
  expect(await here.streams.append(kept, { n: 3, text: " three" })).toEqual({ outcome: "gap", n: 1 });
  expect(await here.streams.end(kept, { appends: [{ n: 2, text: " two" }] })).toMatchObject({
    outcome: "stored",
  });
  expect(await there.streams.start("lost")).toMatchObject({ outcome: "started" });
  const [message] = (await there.node.engine.page("room", 0, 9, 9))!;
  expect(message?.body).toContain('"text":"one two"');
});

/** Reads the drafts, as a node does whose reader has opened the conversation. */
async function read({ streams }: Awaited<ReturnType<typeof openNode>>): Promise<boolean> {
  return (await streams.drafts()).length === 1;
}
