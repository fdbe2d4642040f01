// Changes of several nodes: each node's subscribers get all of them, in one order with the messages.
import { describe, expect, test } from "bun:test";
import type { Change } from "../../../../src/core/changes/decide-change.ts";
import type { ChangeEvent, ChangeResult } from "../../../../src/core/ports/conversation/changes.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { numbers, TestNode } from "../support/test-node.ts";

/** Long enough for every room to be compared with the store once. */
const CHECKED = 5_000;

const change = (node: TestNode, seq: number, what: Change, user = "anna"): Promise<ChangeResult> =>
  new Promise((done) =>
    node.engine.changes.change(
      { conversation: "room", user, limit: 0, moderates: false, seq, change: what },
      done,
    ),
  );
const edit = (node: TestNode, seq: number, text: string) => change(node, seq, { kind: "edit", text });

/** Records what a node announces: messages as `m<seq>`, changes as `r<rev>`, folds as `f<rev>`. */
async function record(node: TestNode) {
  const order: string[] = [];
  const events: ChangeEvent[] = [];
  const shown = new Map<number, string>();
  await node.engine.subscribe("room", (_, { seq, body }) => {
    order.push(`m${seq}`);
    shown.set(seq, body);
  });
  node.engine.changes.watch((event) => {
    events.push(event);
    const all = event.type === "changed" ? [event.change] : event.changed;
    for (const { entry } of all) shown.set(entry.seq, entry.body);
    order.push(event.type === "changed" ? `r${event.change.rev}` : `f${event.rev}`);
  });
  return { order, events, shown };
}

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);
    const open = async (prefix: string) => TestNode.open(await redis.connect(prefix));

    test("CH1 two nodes that post, edit and react at once announce all in the same order", async () => {
      const prefix = freshPrefix();
      await using one = await open(prefix);
      await using two = await open(prefix);
      const [here, there] = [await record(one), await record(two)];
      await one.fill(1, 5);
      const made: Promise<ChangeResult>[] = [];
      const posted: Promise<unknown>[] = [];
      for (const round of numbers(1, 20)) {
        for (const [i, node] of [one, two].entries()) {
          posted.push(node.post(`${i} ${round}`));
          made.push(edit(node, (round % 5) + 1, `${i} ${round}`));
          made.push(
            change(node, (round % 5) + 1, { kind: "react", reaction: "x", on: true }, `u${i}${round}`),
          );
        }
        if (round % 4 === 0) await Promise.all(made);
      }
      const results = await Promise.all(made);
      await Promise.all(posted);
      expect(results.map(({ outcome }) => outcome)).toEqual(made.map(() => "changed"));
      const { seq, rev } = await one.engine.head("room");
      expect([seq, rev]).toEqual([45, made.length]);
      await two.engine.head("room");
      expect(here.order).toEqual(there.order);
      expect(here.order.filter((each) => each.startsWith("r"))).toEqual(numbers(1, rev).map((n) => `r${n}`));
      expect(here.order.filter((each) => each.startsWith("m"))).toEqual(numbers(1, seq).map((n) => `m${n}`));
      for (const [n, body] of here.shown) expect([n, there.shown.get(n)]).toEqual([n, body]);
      const page = (await two.engine.page("room", 0, seq, seq))!;
      expect(page.map((entry) => entry.body)).toEqual(numbers(1, seq).map((n) => here.shown.get(n)!));
    });

    test("CH1 of two nodes one wins with `if_rev`, and both acks are right", async () => {
      const prefix = freshPrefix();
      await using one = await open(prefix);
      await using two = await open(prefix);
      await one.fill(1, 1);
      const results = await Promise.all(
        [one, two].map((node, i) => change(node, 1, { kind: "edit", text: `of ${i}`, ifRev: 0 })),
      );
      expect(results.map(({ outcome }) => outcome).sort()).toEqual(["changed", "conflict"]);
      const winner = results.findIndex(({ outcome }) => outcome === "changed");
      const [message] = (await one.engine.page("room", 0, 1, 1))!;
      expect(message!.body).toContain(`"text":"of ${winner}"`);
    });

    test("CH1 announcements lost with the connection come as folds, and later changes in order after them", async () => {
      const prefix = freshPrefix();
      await using speaker = await open(prefix);
      await using listener = await open(prefix);
      const got = await record(listener);
      await speaker.fill(1, 4);
      await waitUntil("all messages", () => got.order.length === 4);
      // As if the announcements had been lost.
      const { client } = speaker;
      const channel = client.keys.channelOf("room");
      const run = client.runDurably;
      client.runDurably = (script, keys, values, timeout) =>
        run.call(
          client,
          script,
          keys.map((key) => (key === channel ? `${key}:nobody` : key)),
          values,
          timeout,
        );
      await edit(speaker, 1, "one");
      await change(speaker, 2, { kind: "react", reaction: "x", on: true }, "ben");
      await edit(speaker, 1, "uno");
      client.runDurably = run;
      await edit(speaker, 3, "three");
      await waitUntil("what was missed", () => got.events.length === 1);
      expect(got.order.slice(4)).toEqual(["f4"]);
      client.runDurably = (script, keys, values, timeout) =>
        run.call(
          client,
          script,
          keys.map((key) => (key === channel ? `${key}:nobody` : key)),
          values,
          timeout,
        );
      await edit(speaker, 4, "four");
      client.runDurably = run;
      await waitUntil("what nothing follows", () => {
        listener.clock.advance(CHECKED);
        return got.events.length === 2;
      });
      await edit(speaker, 4, "vier");
      await waitUntil("the next one", () => got.events.length === 3);
      expect(got.order.slice(4)).toEqual(["f4", "f5", "r6"]);
      const page = (await listener.engine.page("room", 0, 4, 4))!;
      expect(page.map(({ body }) => body)).toEqual(numbers(1, 4).map((n) => got.shown.get(n)!));
    });

    test("CH1 a store that lost changes begins a new epoch, also when it has made others since", async () => {
      for (const later of [0, 1, 3, 4]) {
        await using node = await open(freshPrefix());
        const got = await record(node);
        const epochs: string[] = [];
        node.engine.watchEpoch((_, __, epoch) => epochs.push(epoch));
        await node.fill(1, 2);
        await edit(node, 1, "kept");
        const { commands, keys } = node.client;
        const names = (["changes", "revs", "rounds", "meta"] as const).map((what) =>
          keys.conversationKey("room", what),
        );
        const before = await Promise.all(names.map((name) => commands.dumpBuffer(name)));
        await edit(node, 2, "lost");
        await edit(node, 2, "lost, too");
        expect(got.order.slice(2)).toEqual(["r1", "r2", "r3"]);
        const { epoch } = await node.engine.head("room");
        for (const [i, name] of names.entries()) await commands.restore(name, 0, before[i]!, "REPLACE");
        await using other = await TestNode.open(await redis.connect(node.client.keys.prefix));
        await Bun.sleep(2);
        for (const i of numbers(1, later)) await edit(other, (i % 2) + 1, `another ${i}`);
        node.clock.advance(CHECKED);
        await waitUntil(`the loss is found after ${later} others`, () => {
          node.clock.advance(CHECKED);
          return epochs.length > 0;
        });
        expect((await node.engine.head("room")).epoch).not.toBe(epoch);
        expect((await node.engine.head("room")).rev).toBe(1 + later);
      }
    });
  });
}
