// Who puts an older copy of the store back says so, and nobody goes on as if nothing had happened (D5).
import { describe, expect, test } from "bun:test";
import { beginEpoch } from "../../../src/engine/redis/new-epoch.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { freshPrefix, KINDS, useRealRedis } from "./support/real-redis.ts";
import { TestNode } from "./support/test-node.ts";

/** Long enough for every room to be compared with the store once. */
const CHECKED = 5_000;

for (const kind of KINDS) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    test("D5 a new epoch is that of all conversations, spoken in or not, and of those that begin after it", async () => {
      const prefix = freshPrefix();
      await using node = await TestNode.open(await redis.connect(prefix));
      const rooms = ["a", "b", "c", "d", "e", "f"];
      for (const conversation of rooms) await node.fill(1, 3, { conversation });
      const before = (await node.engine.head("a")).epoch;

      const epoch = await beginEpoch(node.client);
      expect(epoch).not.toBe(before);
      await using later = await TestNode.open(await redis.connect(prefix));
      for (const conversation of rooms)
        expect(await later.engine.head(conversation)).toEqual({ seq: 3, first: 1, epoch: `${epoch}.0` });
      expect(await later.engine.head("silent")).toEqual({ seq: 0, first: 1, epoch: `${epoch}.0` });
      expect(await later.post("1", { conversation: "silent" })).toMatchObject({ outcome: "stored", seq: 1 });
      expect((await later.engine.head("silent")).epoch).toBe(`${epoch}.0`);
    });

    test("D5 a node that runs meanwhile tells who listens, and carries on in the new epoch", async () => {
      const prefix = freshPrefix();
      await using node = await TestNode.open(await redis.connect(prefix));
      await using other = await TestNode.open(await redis.connect(prefix));
      const told: string[] = [];
      node.engine.watchEpoch((conversation) => told.push(conversation));
      await node.fill(1, 3);
      const heard = await node.listen();
      await node.listen("silent");
      // It is remembered, though nobody listens.
      await node.fill(1, 3, { conversation: "left" });

      const epoch = await beginEpoch(other.client);
      await waitUntil("who listens is told", () => {
        node.clock.advance(CHECKED);
        return told.includes("room") && told.includes("silent");
      });
      for (const conversation of ["room", "silent", "left", "new"]) {
        expect((await node.engine.head(conversation)).epoch).toBe(`${epoch}.0`);
        await node.fill(4, 5, { conversation });
        expect((await other.engine.head(conversation)).epoch).toBe(`${epoch}.0`);
      }
      await waitUntil("what is said then is heard", () => heard.length === 2);
      expect(heard.map(({ seq }) => seq)).toEqual([4, 5]);
      expect(told.sort()).toEqual(["room", "silent"]);
    });
  });
}
