// What is kept of the events on Redis, and what a reader learns that has not read what is gone (EV4).
import { describe, expect, test } from "bun:test";
import { EventStreams } from "../../../../src/engine/redis/feed/event-streams.ts";
import { entriesToKeep } from "../../../../src/engine/redis/feed/event-trimmer.ts";
import { beginFeed, outline } from "../../../contracts/feed/subject.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { feedSubject, TestFeedNode } from "../support/feed-subject.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";

const DAY_MS = 24 * 3_600_000;
const CREATED = { types: new Set(["message.created"] as const) };

test("EV1 streams share the bytes that events may take, and a quiet one keeps all of its events", () => {
  const of = (...bytes: number[]) => bytes.map((each) => ({ entries: each / 10, bytes: each }));
  expect(entriesToKeep(of(100, 200, 50), 350)).toEqual([undefined, undefined, undefined]);
  expect(entriesToKeep(of(100, 1_000, 0, 400), 500)).toEqual([undefined, 20, undefined, 20]);
  expect(entriesToKeep(of(1_000, 1_000), 0)).toEqual([0, 0]);
});

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(`on Redis, ${kind}`, () => {
    const redis = useRealRedis(kind);

    test("EV4 a reader that has not read what was removed learns between which times, once; one that has read it learns nothing", async () => {
      await using feed = await beginFeed(feedSubject(redis), undefined, { days: 2, bytes: 1024 ** 3 });
      const { subject, readAll, opened } = feed;
      const begun = subject.clock.now();
      const empty = await opened.feed.newest();
      await subject.fill(3);
      const middle = (await readAll("0", CREATED, 1)).position;
      subject.clock.jump(DAY_MS);
      await subject.store("4");
      const read = await opened.feed.newest();
      subject.clock.jump(1.5 * DAY_MS);
      await subject.store("5");
      await opened.clean();
      const kept = ["message.created room 4", "message.created room 5"];
      const behind = await readAll(empty);
      expect(behind.events.map(outline)).toEqual(kept);
      expect(behind.lost).toEqual([{ since: begun, until: begun }]);
      expect((await readAll(behind.position)).lost).toEqual([]);
      // It had read all that is gone.
      const current = await readAll(middle);
      expect([current.events.map(outline), current.lost]).toEqual([kept, []]);
      expect((await readAll("0")).lost).toEqual([]);
      subject.clock.jump(5 * DAY_MS);
      await opened.clean();
      const all = await readAll(read);
      expect([all.events, all.lost]).toEqual([[], [{ since: begun + DAY_MS, until: begun + 2.5 * DAY_MS }]]);
      expect((await readAll(all.position)).lost).toEqual([]);
      await subject.store("6");
      expect((await readAll(all.position)).events.map(outline)).toEqual(["message.created room 6"]);
      // A filter lets `lost` through.
      expect((await readAll(read, { conversations: ["elsewhere"] })).lost).toHaveLength(1);
    });

    test("EV1 the oldest events go when all take more than they may", async () => {
      await using feed = await beginFeed(feedSubject(redis), undefined, { days: 7, bytes: 2_000 });
      const { subject, readAll, opened } = feed;
      for (let i = 1; i <= 60; i++) await subject.store(String(i));
      await subject.store("quiet", { conversation: "quiet" });
      await opened.clean();
      const { events } = await readAll("0", CREATED);
      const seqs = events.filter(({ conversation }) => conversation === "room").map(({ seq }) => seq!);
      expect(seqs.length).toBeGreaterThan(10);
      expect(seqs.length).toBeLessThan(50);
      expect(seqs).toEqual(seqs.map((_, i) => 60 - seqs.length + 1 + i));
      expect(events.map(outline)).toContain("message.created quiet 1");
    });

    test("EV4 the doctor sees how far back events go, what they take, and a key that holds something else", async () => {
      const client = await redis.connect(freshPrefix());
      const clock = new ManualClock();
      await using node = await TestFeedNode.open(client, { clock, time: clock });
      const streams = new EventStreams(client, clock);
      expect(await streams.standing()).toEqual({ bytes: 0, oldestAt: undefined });
      const begun = clock.now();
      for (const user of ["anna", "ben"]) {
        await node.feed.append([{ type: "quota.exhausted", user, details: { limit: 1 } }]);
        clock.jump(DAY_MS);
      }
      const { bytes, oldestAt } = await streams.standing();
      expect([oldestAt, bytes > 50, bytes < 500]).toEqual([begun, true, true]);
      const [key] = streams.keysOf(streams.all[0]!);
      await client.commands.del(key);
      await client.commands.set(key, "something else");
      expect(await streams.standing().catch(String)).toContain("WRONGTYPE");
      await client.commands.del(key);
    });

    test("EV4 a store with another epoch, and one that has lost what was read, is reported once, and nothing after it is missed", async () => {
      await using feed = await beginFeed(feedSubject(redis));
      const { subject, readAll } = feed;
      await subject.fill(3);
      const { position } = await readAll();
      const [epoch, places] = position.split(".") as [string, string];
      const other = await readAll(`${epoch}x.${places}`);
      expect(other.events).toEqual([]);
      expect(other.lost).toHaveLength(1);
      expect((await readAll(other.position)).lost).toEqual([]);
    });
  });
}
