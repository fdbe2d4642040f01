// An operator who restores an older copy of the store begins a new epoch, and every client learns of it (D5).
import { describe, expect, test } from "bun:test";
import { beginEpoch } from "../../../src/engine/redis/new-epoch.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "./support/real-redis.ts";
import { TestNode } from "./support/test-node.ts";

/** Long enough for every room to be compared with the store once. */
const CHECKED = 5_000;

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    test("D5 a new epoch applies to all conversations, with or without messages, and to later ones", async () => {
      const prefix = freshPrefix();
      await using node = await TestNode.open(await redis.connect(prefix));
      const rooms = ["a", "b", "c", "d", "e", "f"];
      for (const conversation of rooms) await node.fill(1, 3, { conversation });
      const before = (await node.engine.head("a")).epoch;

      const epoch = await beginEpoch(node.client);
      expect(epoch).not.toBe(before);
      await using later = await TestNode.open(await redis.connect(prefix));
      for (const conversation of rooms)
        expect(await later.engine.head(conversation)).toEqual({
          seq: 3,
          first: 1,
          epoch: `${epoch}.0`,
          rev: 0,
        });
      expect(await later.engine.head("silent")).toEqual({ seq: 0, first: 1, epoch: `${epoch}.0`, rev: 0 });
      expect(await later.post("1", { conversation: "silent" })).toMatchObject({ outcome: "stored", seq: 1 });
      expect((await later.engine.head("silent")).epoch).toBe(`${epoch}.0`);
    });

    test("D5 a running node notifies subscribers, and continues in the new epoch", async () => {
      const prefix = freshPrefix();
      await using node = await TestNode.open(await redis.connect(prefix));
      await using other = await TestNode.open(await redis.connect(prefix));
      const notified: string[] = [];
      node.engine.watchEpoch((conversation) => notified.push(conversation));
      await node.fill(1, 3);
      const received = await node.subscribe();
      await node.subscribe("silent");
      // The epoch is kept, though the conversation has no subscriber.
      await node.fill(1, 3, { conversation: "left" });

      const epoch = await beginEpoch(other.client);
      await waitUntil("subscribers are notified", () => {
        node.clock.advance(CHECKED);
        return notified.includes("room") && notified.includes("silent");
      });
      for (const conversation of ["room", "silent", "left", "new"]) {
        expect((await node.engine.head(conversation)).epoch).toBe(`${epoch}.0`);
        await node.fill(4, 5, { conversation });
        expect((await other.engine.head(conversation)).epoch).toBe(`${epoch}.0`);
      }
      await waitUntil("later messages are delivered", () => received.length === 2);
      expect(received.map(({ seq }) => seq)).toEqual([4, 5]);
      expect(notified.sort()).toEqual(["room", "silent"]);
    });
  });
}
