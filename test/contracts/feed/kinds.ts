import { expect, test } from "bun:test";
import type { FeedEvent } from "../../../src/core/feed/feed-event.ts";
import type { ConversationChange, ConversationNews } from "../../../src/core/members/records.ts";
import type { StreamStartResult } from "../../../src/core/ports/conversation/streams.ts";
import { ChangeSubject } from "../changes/change-subject.ts";
import { BY, JOINS, PRIVATE, SECOND } from "../members/subject.ts";
import { beginFeed, type FeedSubject, type OpenFeed, outline } from "./subject.ts";

/** Makes a change of members or facts on the present revision. */
async function change(
  { members }: FeedSubject["opened"],
  conversation: string,
  fields: Partial<ConversationChange>,
): Promise<void> {
  const { revision } = await members.read(conversation, []);
  expect(await members.change(conversation, revision, { news: [], ...fields })).toBe(true);
}

const member = (user: string, what: "added" | "muted" | "role", rest: object = {}): ConversationNews => ({
  ...{ type: "member", user, change: what, ...BY, ...rest },
});

/** The events of one conversation without the messages that were created, by `outline`, with what else they say. */
const others = (events: readonly FeedEvent[]) =>
  events
    .filter(({ type }) => type !== "message.created")
    .map((event) => (event.details === undefined ? outline(event) : [outline(event), event.details]));

/** What is an event besides messages, and that it has its place among them. */
export function kindsContract(open: OpenFeed): void {
  test("EV1 changes of messages are events, each after the message and in the order in which they were made", async () => {
    await using feed = await beginFeed(open);
    const { subject, readAll } = feed;
    const changes = new ChangeSubject(subject);
    await subject.store("1");
    await changes.react(1, "👍", { user: "ben", id: "r1" });
    await changes.react(1, "👍", { user: "ben", id: "r1" });
    await subject.store("2");
    await changes.edit(1, "other");
    await changes.react(1, "👍", { user: "ben", on: false });
    await changes.erase(1);
    const { events } = await readAll();
    expect(events.map(outline)).toEqual([
      "conversation.created room",
      "message.created room 1",
      "message.reacted room ben 1",
      "message.created room 2",
      "message.edited room anna 1",
      "message.reacted room ben 1",
      "message.erased room anna 1",
    ]);
    expect(events.map(({ rev }) => rev).filter((rev) => rev !== undefined)).toEqual([1, 2, 3, 4]);
    expect(others(events)[1]).toEqual(["message.reacted room ben 1", { on: true }]);
    const { epoch } = await subject.engine.head("room");
    for (const event of events) expect(event.epoch ?? epoch).toBe(epoch);
    for (const limit of [1, 3]) expect((await readAll("0", {}, limit)).events).toEqual([...events]);
    await subject.reopen();
    expect((await readAll()).events).toEqual([...events]);
  });

  test("EV1 a stream is started once, and its end names the message that it has become", async () => {
    await using feed = await beginFeed(open);
    const { subject, readAll } = feed;
    const start = async () => {
      const request = { conversation: "room", user: "anna", limit: 0, id: "s", replyTo: 1 };
      const result = await new Promise<StreamStartResult>((resolve) =>
        subject.engine.streams.start(request, resolve),
      );
      if (!("generation" in result)) throw new Error(`not started: ${result.outcome}`);
      return result;
    };
    await subject.store("1", { user: "ben" });
    await start();
    const { stream, generation } = await start();
    const writer = { conversation: "room", stream, generation };
    await new Promise((resolve) =>
      subject.engine.streams.end(
        { ...writer, appends: [{ n: 1, text: "hi" }], state: undefined, limit: 0 },
        resolve,
      ),
    );
    const { events } = await readAll();
    expect(events.map(outline)).toEqual([
      "conversation.created room",
      "message.created room 1",
      "stream.started room anna",
      "message.created room 2",
      "stream.ended room anna 2",
    ]);
    expect(events[2]?.details).toEqual({ stream, id: "s", reply_to: 1 });
    expect(events[4]?.details).toEqual({ stream, id: "s", reply_to: 1, state: "done" });
  });

  test("EV1 what happens to members, facts and conversations is an event, also where a command does it", async () => {
    await using feed = await beginFeed(open);
    const { subject, readAll, opened } = feed;
    await change(opened, "room", {
      facts: PRIVATE,
      standings: [{ user: "anna", role: "owner" }],
      news: [member("anna", "added", { role: "owner" })],
    });
    await change(opened, "room", {
      facts: PRIVATE,
      news: [{ type: "conversation", access: "members", ...BY }],
    });
    await subject.store("1");
    const other = await opened.openOther();
    const { revision } = await other.members.read("room", []);
    const muted = { until: BY.at + 60_000 };
    await other.members.change("room", revision, {
      standings: [{ user: "ben", muted: { ...BY, ...muted } }],
      news: [member("ben", "muted", muted)],
    });
    await other.conversations.remove("room");
    await other.close();
    subject.clock.advance(SECOND);
    await subject.store("2", { conversation: "open", user: "carl", joins: JOINS });
    await subject.store("3", { conversation: "room" });
    const { events } = await readAll();
    const of = (name: string) => events.filter(({ conversation }) => conversation === name);
    expect(of("room").map(outline)).toEqual([
      "conversation.created room",
      "member.added room anna",
      "conversation.changed room",
      "message.created room 1",
      "member.muted room ben",
      "conversation.removed room",
      "conversation.created room",
      "message.created room 2",
    ]);
    expect(others(of("room")).slice(0, 4)).toEqual([
      ["conversation.created room", { by: "ann" }],
      ["member.added room anna", { role: "owner", by: "ann" }],
      ["conversation.changed room", { by: "ann" }],
      ["member.muted room ben", { ...muted, by: "ann" }],
    ]);
    expect(of("open").map(outline).sort()).toEqual([
      "conversation.created open",
      "member.added open carl",
      "message.created open 1",
    ]);
  });

  test("EV5 read marks are written only while they count as read, which a restart does not end", async () => {
    await using feed = await beginFeed(open);
    const { subject, readAll, opened } = feed;
    const marks = async () => (await readAll("0", { types: new Set(["read.marked"]) })).events.map(outline);
    await subject.fill(3);
    await subject.engine.setReadMark("room", "ben", 1);
    expect(opened.feed.wanted()).toEqual(new Set());
    const until = subject.clock.now() + 10 * 24 * 3_600_000;
    await opened.feed.want(["read.marked", "member.added"], until);
    expect([...opened.feed.wanted()]).toEqual(["read.marked"]);
    await subject.reopen();
    subject.clock.advance(SECOND);
    expect([...opened.feed.wanted()]).toEqual(["read.marked"]);
    await subject.engine.setReadMark("room", "ben", 2);
    // It does not move, and is no event.
    await subject.engine.setReadMark("room", "ben", 2);
    expect(await marks()).toEqual(["read.marked room ben 2"]);
  });

  test("EV1 events that belong to no other write are appended, unless nobody reads them", async () => {
    await using feed = await beginFeed(open);
    const { subject, readAll, opened } = feed;
    await subject.store("1");
    const unread = { type: "message.unread", conversation: "room", user: "ben", seq: 1 } as const;
    await opened.feed.append([unread]);
    await opened.feed.want(["message.unread"], subject.clock.now() + 10 * 24 * 3_600_000);
    await opened.feed.append([unread, { type: "user.erased", user: "token", at: 5 }]);
    const { events } = await readAll();
    expect(events.map(outline).sort()).toEqual([
      "conversation.created room",
      "message.created room 1",
      "message.unread room ben 1",
      "user.erased token",
    ]);
    expect(events.find(({ type }) => type === "user.erased")?.at).toBe(5);
  });

  test("EV1 a used up quota is one event for a user, however often the user asks", async () => {
    await using feed = await beginFeed(open);
    const { subject, readAll } = feed;
    const exhausted = async () => (await readAll("0", { types: new Set(["quota.exhausted"]) })).events;
    for (const id of ["1", "2", "3", "4"]) await subject.post(id, { limit: 2 });
    await subject.post("5", { user: "ben", limit: 1 });
    await subject.history({ user: "anna", limit: 2 });
    const events = await exhausted();
    expect(events.map(({ user, details, conversation }) => [user, details, conversation])).toEqual([
      ["anna", { limit: 2 }, undefined],
    ]);
    await subject.reopen();
    await subject.post("6", { limit: 2 });
    expect(await exhausted()).toEqual(events);
  });
}
