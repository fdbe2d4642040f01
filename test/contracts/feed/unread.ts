import { expect, test } from "bun:test";
import { UnreadReader } from "../../../src/server/feed/unread-reminders.ts";
import { beginFeed, type OpenFeed, outline } from "./subject.ts";

const MINUTE_MS = 60_000;
const TYPES = new Set(["message.unread"] as const);

/** The events that a reader of the feed makes itself, with what the engine keeps for it. */
export function unreadContract(open: OpenFeed): void {
  test("EV1 a member who is not there gets `message.unread` after UNREAD_AFTER, once until it has read, also over a restart", async () => {
    await using feed = await beginFeed(open);
    const { subject, opened, readAll } = feed;
    const { clock } = subject;
    const present = new Set(["carl"]);
    const begin = () =>
      UnreadReader.begin({
        ...{ feed: opened.feed, inbox: subject.engine.inbox, members: opened.members, clock },
        present: async () => present,
        after: MINUTE_MS,
      });
    const { signal } = new AbortController();
    const events = async () => (await readAll("0", { types: TYPES })).events.map(outline);

    await opened.feed.want(["message.unread"], clock.wall() + 24 * 60 * MINUTE_MS);
    const standings = ["anna", "ben", "carl"].map((user) => ({ user, role: "member" as const }));
    expect(await opened.members.change("room", 0, { standings, news: [] })).toBe(true);
    let reader = await begin();
    await subject.store("1");
    await subject.store("2");
    clock.jump(MINUTE_MS - 1_000);
    await reader.run(signal);
    expect(await events()).toEqual([]);
    // Another reader goes on with what waits: nothing was handled, so its position is before the messages.
    await subject.reopen();
    reader = await begin();
    await reader.run(signal);
    clock.jump(2_000);
    await reader.run(signal);
    const first = ["message.unread room ben 1"];
    expect(await events()).toEqual(first);

    await subject.store("3");
    clock.jump(2 * MINUTE_MS);
    reader = await begin();
    await reader.run(signal);
    await reader.run(signal);
    expect(await events()).toEqual(first);

    await subject.engine.setReadMark("room", "ben", 2);
    await subject.store("4");
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
}
