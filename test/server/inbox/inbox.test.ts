import { describe, expect, test } from "bun:test";
import { InboxFrame, InboxItemFrame } from "../../../src/protocol/frames/inbox-frames.ts";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { join } from "../../support/clients/join.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { connectUser } from "../socket/user/user-client.ts";
import { add, change, framesOf, KEY_ENTRY, listOf, readInbox, say, unreadBecomes } from "./inbox-server.ts";

const EPOCH = expect.stringMatching(/^\w+\.0$/);
const TIME = expect.any(Number);
const POSITION = expect.stringMatching(/^[\w-]+\.[0-9a-z]+\.[0-9a-z]+$/);

const start = () => startTestServer({ env: { API_KEYS: KEY_ENTRY } });

describe("the inbox on the socket of a user", () => {
  test("IN1 a page has the newest conversations first, with exact numbers", async () => {
    await using server = await start();
    await add(server, "old", "anna");
    await add(server, "team", "anna", "ben");
    await say(server, "team", "ben", "hello");
    await say(server, "team", "ben", "are you there?");
    await using anna = await connectUser(server);
    anna.send({ type: "inbox", id: "i1" });
    const frame = await anna.next("inbox");
    expect(frame).toEqual({
      type: "inbox",
      items: [
        {
          conversation: "team",
          access: "anyone",
          role: "member",
          at: TIME,
          seq: 2,
          epoch: EPOCH,
          last: { seq: 2, from: "ben", text: "are you there?", at: TIME },
          read: 0,
          unread: 2,
        },
        {
          conversation: "old",
          access: "anyone",
          role: "member",
          at: TIME,
          seq: 0,
          epoch: EPOCH,
          last: null,
          read: 0,
          unread: 0,
        },
      ],
      more: false,
      position: POSITION,
      unread_total: 2,
      unread_conversations: 1,
      id: "i1",
    });
    expect(InboxFrame.parse(frame)).toEqual(frame as never);
  });

  test("IN1 a new member begins with nothing unread; one's own message counts as read", async () => {
    await using server = await start();
    await add(server, "team", "ben");
    for (const text of ["1", "2", "3"]) await say(server, "team", "ben", text);
    await add(server, "team", "anna");
    await using anna = await connectUser(server);
    anna.send({ type: "inbox" });
    await anna.next("inbox");
    expect(listOf(anna).items.get("team")).toMatchObject({ seq: 3, read: 3, unread: 0 });
    await say(server, "team", "ben", "4");
    await unreadBecomes(anna, { team: 1 });
    anna.send({ type: "message", conversation: "team", id: "m5", text: "5" });
    await unreadBecomes(anna, { team: 0 });
    await say(server, "team", "ben", "6");
    await unreadBecomes(anna, { team: 1 });
    anna.send({ type: "read", conversation: "team", seq: 6 });
    await unreadBecomes(anna, { team: 0 });
    // Own messages are not announced as read.
    expect(anna.of("read")).toEqual([]);
  });

  test("IN2 a change comes by itself, with the whole item; after the first page only", async () => {
    await using server = await start();
    await add(server, "team", "anna", "ben");
    await using anna = await connectUser(server);
    await using quiet = await connectUser(server);
    anna.send({ type: "inbox" });
    await anna.next("inbox");
    await say(server, "team", "ben", "hello");
    const frame = await anna.next("inbox_item");
    expect(frame).toEqual({
      type: "inbox_item",
      item: {
        conversation: "team",
        access: "anyone",
        role: "member",
        at: TIME,
        seq: 1,
        epoch: EPOCH,
        last: { seq: 1, from: "ben", text: "hello", at: TIME },
        read: 0,
        unread: 1,
      },
      position: POSITION,
      unread_total: 1,
      unread_conversations: 1,
    });
    expect(InboxItemFrame.parse(frame)).toEqual(frame as never);
    await quiet.settled();
    expect(framesOf(quiet)).toEqual([]);
  });

  test("IN2 of many messages in a short time few items are sent, and the last one is the newest state", async () => {
    await using server = await start();
    await add(server, "team", "anna", "ben");
    await using anna = await connectUser(server);
    anna.send({ type: "inbox" });
    await anna.next("inbox");
    const startedAt = Date.now();
    for (let i = 1; i <= 100; i++) await say(server, "team", "ben", String(i));
    await unreadBecomes(anna, { team: 100 });
    // At most one for each half second, and one more for each end.
    expect(anna.of("inbox_item").length).toBeLessThanOrEqual((Date.now() - startedAt) / 500 + 2);
  });

  test("IN2 a conversation appears when its user becomes a member, and leaves the list with the membership", async () => {
    await using server = await start();
    await using anna = await connectUser(server);
    anna.send({ type: "inbox" });
    expect(await anna.next("inbox")).toMatchObject({ items: [], more: false, unread_total: 0 });
    await add(server, "team", "anna", "ben");
    await waitUntil("the conversation is there", () => listOf(anna).items.has("team"));
    await say(server, "team", "ben", "hello");
    await unreadBecomes(anna, { team: 1 });
    await change(server, "team", { user: "anna", role: null });
    await unreadBecomes(anna, {});
    expect(framesOf(anna).at(-1)).toMatchObject({ item: { conversation: "team", removed: true } });
    // Nothing of it comes any more.
    await say(server, "team", "ben", "again");
    await add(server, "other", "anna");
    await unreadBecomes(anna, { other: 0 });
    expect(JSON.stringify(anna.frames)).not.toContain("again");
  });

  test("IN3 a return with a position brings what has changed, and what left the list", async () => {
    await using server = await start();
    for (const name of ["a", "b", "c", "d"]) await add(server, name, "anna", "ben");
    await using first = await connectUser(server);
    first.send({ type: "inbox" });
    await first.next("inbox");
    const { position } = listOf(first);
    await first[Symbol.asyncDispose]();
    await say(server, "b", "ben", "hello");
    await change(server, "c", { user: "anna", role: null });
    await using anna = await connectUser(server);
    anna.send({ type: "inbox", after: position, id: "back" });
    const frame = (await anna.next("inbox")) as unknown as InboxFrame;
    expect(frame).toMatchObject({ more: false, id: "back", unread_total: 1, unread_conversations: 1 });
    expect(frame).not.toHaveProperty("reset");
    expect(frame.items).toContainEqual({ conversation: "c", removed: true });
    expect(frame.items[0]).toMatchObject({ conversation: "b", unread: 1 });
    // From then on changes come by themselves.
    await say(server, "d", "ben", "hello");
    await waitUntil("the change has come", () => listOf(anna).items.get("d")?.unread === 1);
  });

  test("IN3 another store, another token or no position at all: the list begins again", async () => {
    await using server = await start();
    await add(server, "a", "anna");
    await add(server, "b", "anna");
    await using anna = await connectUser(server);
    anna.send({ type: "inbox" });
    await anna.next("inbox");
    const [, ...rest] = listOf(anna).position.split(".");
    for (const after of [["other", ...rest].join("."), "nonsense", `${listOf(anna).position}x`]) {
      anna.send({ type: "inbox", after });
      expect([after, await anna.next("inbox")]).toMatchObject([after, { reset: true, more: false }]);
    }
  });

  test("IN3 a change that is larger than a frame comes in several, and only the last one has the new position", async () => {
    await using server = await start();
    const count = 90;
    const { now } = await server.members.read("c0", []);
    for (let i = 0; i < count; i++) {
      const facts = { access: "anyone" as const, data: { text: "x".repeat(3_900) }, at: now };
      const standings = [{ user: "anna", role: "member" as const }];
      await server.members.change(`c${i}`, 0, { facts, standings, news: [] });
    }
    await using anna = await connectUser(server);
    anna.send({ type: "inbox", limit: 1 });
    await anna.next("inbox");
    const { position } = listOf(anna);
    anna.send({ type: "inbox", after: position, id: "all" });
    await waitUntil("the last frame has come", () =>
      framesOf(anna).some((frame) => "id" in frame && !frame.more),
    );
    const frames = (anna.of("inbox") as unknown as InboxFrame[]).filter(({ id }) => id === "all");
    expect(frames.length).toBeGreaterThan(1);
    expect(frames.map(({ more }) => more)).toEqual(frames.map((_, i) => i < frames.length - 1));
    for (const frame of frames) expect(JSON.stringify(frame).length).toBeLessThanOrEqual(256 * 1024);
    for (const frame of frames.slice(0, -1)) expect(frame.position).toBe(position);
    expect(new Set(frames.flatMap(({ items }) => items.map(({ conversation }) => conversation))).size).toBe(
      count,
    );
    // A page that is too long ends with the frame; its cursor goes on there.
    const names = new Set<string>();
    for (let cursor: string | undefined; ; ) {
      anna.send({ type: "inbox", limit: 200, ...(cursor !== undefined && { cursor }) });
      const page = (await anna.next("inbox")) as unknown as InboxFrame;
      for (const { conversation } of page.items) names.add(conversation);
      cursor = page.cursor;
      if (!page.more) break;
    }
    expect(names.size).toBe(count);
  });

  test("IN1 a token shows the conversations that it allows, and their numbers only", async () => {
    await using server = await start();
    for (const name of ["team-a", "team-b", "private"]) await add(server, name, "anna", "ben");
    await say(server, "team-a", "ben", "1");
    await say(server, "private", "ben", "2");
    const grants = { conversations: ["team-*"] };
    const token = await signToken(server.keys, { subject: "anna", now: Date.now(), grants });
    await using anna = await connectUser(server, "anna", { token });
    anna.send({ type: "inbox" });
    await anna.next("inbox");
    await unreadBecomes(anna, { "team-a": 1, "team-b": 0 });
    await say(server, "private", "ben", "3");
    await add(server, "private-2", "anna");
    await say(server, "team-b", "ben", "4");
    await unreadBecomes(anna, { "team-a": 1, "team-b": 1 });
    // Renewed with another token, the list begins again.
    anna.send({ type: "token", token: await server.token("anna") });
    await unreadBecomes(anna, { "team-a": 1, "team-b": 1, private: 2, "private-2": 0 });
    expect(anna.of("inbox").at(-1)).toMatchObject({ reset: true });
  });

  test("IN2 all sockets of a user have the same list; one that closes leaves the others", async () => {
    await using server = await start();
    await add(server, "team", "anna", "ben");
    await using one = await connectUser(server);
    await using other = await connectUser(server);
    for (const client of [one, other]) {
      client.send({ type: "inbox" });
      await client.next("inbox");
    }
    await say(server, "team", "ben", "1");
    for (const client of [one, other]) await unreadBecomes(client, { team: 1 });
    one.send({ type: "read", conversation: "team", seq: 1 });
    for (const client of [one, other]) await unreadBecomes(client, { team: 0 });
    await one[Symbol.asyncDispose]();
    await say(server, "team", "ben", "2");
    await unreadBecomes(other, { team: 1 });
  });

  test("IN1 a foreign cursor is refused; the socket of one conversation has no inbox", async () => {
    await using server = await start();
    await using anna = await connectUser(server);
    anna.send({ type: "inbox", cursor: "nonsense", id: "i1" });
    expect(await anna.next("error")).toEqual({
      type: "error",
      code: "invalid",
      message: "`cursor`: is not one that this server gave.",
      id: "i1",
    });
    anna.send({ type: "inbox", cursor: "a", after: "b", id: "i2" });
    expect(await anna.next("error")).toMatchObject({ code: "invalid", id: "i2" });
    await using ben = await join(server, "ben");
    ben.send({ type: "inbox", id: "i3" });
    expect(await ben.next("error")).toMatchObject({ code: "invalid", id: "i3" });
  });
});

describe("GET /inbox", () => {
  test("IN1 a user reads the own inbox, and a key that of any user", async () => {
    await using server = await start();
    for (let i = 0; i < 5; i++) {
      await add(server, `c${i}`, "anna", "ben");
      await say(server, `c${i}`, "ben", String(i));
      // Messages of one millisecond have no order.
      for (const said = Date.now(); Date.now() === said; ) await Bun.sleep(1);
    }
    const get = async (query: string, token: string) =>
      fetch(`${server.url}/inbox${query}`, { headers: { Authorization: `Bearer ${token}` } });
    const own = await get("?limit=2", await server.token("anna"));
    expect(own.headers.get("cache-control")).toBe("no-store");
    const page = (await own.json()) as InboxFrame;
    expect(page).toMatchObject({ more: true, unread_total: 5, unread_conversations: 5 });
    expect(page.items.map(({ conversation }) => conversation)).toEqual(["c4", "c3"]);
    const next = await readInbox(server, "anna", { limit: "2", cursor: page.cursor! });
    expect(next.items.map(({ conversation }) => conversation)).toEqual(["c2", "c1"]);
    const last = await readInbox(server, "anna", { limit: "2", cursor: next.cursor! });
    expect(last.items.map(({ conversation }) => conversation)).toEqual(["c0"]);
    expect(last).not.toHaveProperty("cursor");
    // Changes since a position, in pages.
    const first = await readInbox(server, "anna", { limit: "3", after: page.position });
    expect(first).toMatchObject({ more: true, position: page.position });
    const rest = await readInbox(server, "anna", { limit: "3", after: page.position, cursor: first.cursor! });
    expect(rest).toMatchObject({ more: false, items: [{ conversation: "c1" }, { conversation: "c0" }] });
    const other = await get("?user=ben", await server.token("anna"));
    expect([other.status, await other.json()]).toMatchObject([403, { code: "forbidden" }]);
  });

  test("IN1 faulty requests are refused", async () => {
    await using server = await start();
    const token = await server.token("anna");
    for (const query of [
      "limit=0",
      "limit=201",
      "limit=x",
      "cursor=nonsense",
      "limit=1&limit=2",
      "user=a%20b",
    ]) {
      const response = await fetch(`${server.url}/inbox?${query}`, {
        headers: { Authorization: `Bearer ${token}` },
      });
      expect([query, response.status, await response.json()]).toMatchObject([
        query,
        422,
        { code: "invalid" },
      ]);
    }
    expect((await fetch(`${server.url}/inbox`)).status).toBe(401);
    await expect(readInbox(server, "")).rejects.toThrow("422");
  });
});
