import { expect, test } from "bun:test";
import { OLDEST_POSITION } from "../../../src/core/ports/feed/feed.ts";
import { UnreadReader } from "../../../src/server/feed/unread-reminders.ts";
import { outline } from "../../contracts/feed/subject.ts";
import { StoreFolder } from "../../engine/sqlite/store-folder.ts";
import { messageContent } from "../../support/entries.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

const MINUTE_MS = 60_000;

test("EV1 a member who is not there gets `message.unread` after UNREAD_AFTER, once until it has read, also over a restart", async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  let store = await folder.open(clock);
  let seq = 0;
  const present = new Set(["carl"]);
  const post = () =>
    new Promise((resolve) =>
      store.engine.post(
        { conversation: "room", user: "ann", limit: 0, id: `${++seq}`, ...messageContent("hi") },
        resolve,
      ),
    );
  const begin = () =>
    UnreadReader.begin({
      ...{ feed: store.feed, inbox: store.engine.inbox, members: store.members, clock },
      present: async () => present,
      after: MINUTE_MS,
    });
  const { signal } = new AbortController();
  const types = new Set(["message.unread"] as const);
  const events = async () => (await store.feed.read(OLDEST_POSITION, { types }, 100))!.events.map(outline);

  await store.feed.want(["message.unread"], clock.now() + 24 * 60 * MINUTE_MS);
  const role = "member" as const;
  await store.members.change("room", 0, {
    standings: ["ann", "ben", "carl"].map((user) => ({ user, role })),
    news: [],
  });
  let reader = await begin();
  await post();
  await post();
  clock.jump(MINUTE_MS - 1_000);
  await reader.run(signal);
  expect(await events()).toEqual([]);
  // Another reader goes on with what waits: nothing was handled, so its position is before the messages.
  await store.close();
  store = await folder.open(clock);
  reader = await begin();
  await reader.run(signal);
  clock.jump(2_000);
  await reader.run(signal);
  const first = ["message.unread room ben 1"];
  expect(await events()).toEqual(first);

  await post();
  clock.jump(2 * MINUTE_MS);
  reader = await begin();
  await reader.run(signal);
  await reader.run(signal);
  expect(await events()).toEqual(first);

  await store.engine.setReadMark("room", "ben", 2);
  await post();
  // Carl has gone: what came while he was there is not read either.
  present.delete("carl");
  await reader.run(signal);
  clock.jump(MINUTE_MS);
  await reader.run(signal);
  expect((await events()).slice(1).sort()).toEqual([
    "message.unread room ben 3",
    "message.unread room carl 1",
  ]);
});
