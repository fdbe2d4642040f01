import { describe, expect, test } from "bun:test";
import type { UserWelcome } from "../../../../src/protocol/server-frames.ts";
import { join } from "../../../support/clients/join.ts";
import { startTestServer } from "../../../support/server/test-server.ts";
import { connectUser, open } from "./user-client.ts";

const EPOCH = expect.stringMatching(/^\w+\.0$/);

describe("the socket of a user", () => {
  test("MX1 ST6 the welcome of both kinds of socket has the limits; that of a user names no conversation", async () => {
    const env = { MAX_OPEN_CONVERSATIONS: "7", MAX_STREAM_BYTES: "65536", EDIT_SECONDS: "60" };
    await using server = await startTestServer({ env });
    const limits = {
      conversations: 7,
      connections: 5,
      frame_bytes: 65_536,
      stream_bytes: 65_536,
      streams: 8,
      edit_seconds: 60,
    };
    await using ben = await join(server, "ben");
    expect(ben.of("welcome")).toEqual([
      {
        type: "welcome",
        connection: expect.any(String),
        conversation: "lobby",
        user: "ben",
        plan: "free",
        seq: 0,
        rev: 0,
        epoch: EPOCH,
        resumed: false,
        quota: { limit: 100, remaining: 100, reset: 0 },
        limits,
        inactivity: { timeout: 300, warning: 30 },
        present: [{ user: "ben", since: expect.any(Number) }],
        present_count: 1,
        at: expect.any(Number),
        server: { name: "parley", protocol: 1 },
      },
    ]);
    await using anna = await connectUser(server);
    const [welcome] = anna.frames as unknown as UserWelcome[];
    expect(welcome).toEqual({
      type: "welcome",
      connection: expect.any(String),
      user: "anna",
      plan: "free",
      quota: { limit: 100, remaining: 100, reset: 0 },
      limits,
      inactivity: { timeout: 300, warning: 30 },
      at: expect.any(Number),
      server: { name: "parley", protocol: 1 },
    });
  });

  test("MX1 MX2 each conversation is opened, and its frames carry its name", async () => {
    await using server = await startTestServer();
    await using ben = await join(server, "ben");
    ben.send({ type: "message", id: "b1", text: "first" });
    await ben.next("ack");
    await using anna = await connectUser(server);
    const conversations = [
      { conversation: "lobby", after: 0 },
      { conversation: "b", last: 5 },
    ];
    anna.send({ type: "open", id: "o1", conversations });
    await anna.next("history");
    await anna.settled();
    const present = { user: "anna", since: expect.any(Number) };
    expect(anna.of("opened")).toEqual([
      {
        type: "opened",
        conversation: "lobby",
        seq: 1,
        rev: 0,
        epoch: EPOCH,
        resumed: true,
        access: "anyone",
        read: 0,
        present: [{ user: "ben", since: expect.any(Number) }, present],
        present_count: 2,
        id: "o1",
      },
      {
        type: "opened",
        conversation: "b",
        seq: 0,
        rev: 0,
        epoch: EPOCH,
        resumed: false,
        access: "anyone",
        read: 0,
        present: [present],
        present_count: 1,
        id: "o1",
      },
    ]);
    expect(anna.of("history")).toEqual([{ type: "history", conversation: "b", messages: [], more: false }]);
    anna.send({ type: "message", conversation: "lobby", id: "a1", text: "second" });
    ben.send({ type: "typing", active: true });
    ben.send({ type: "read", seq: 1 });
    await anna.next("ack");
    await anna.next("read");
    await anna.settled();
    const at = expect.any(Number);
    expect(anna.of("message")).toEqual([
      { type: "message", conversation: "lobby", seq: 1, id: "b1", from: "ben", text: "first", at },
      { type: "message", conversation: "lobby", seq: 2, id: "a1", from: "anna", text: "second", at },
    ]);
    expect(anna.of("ack")).toEqual([
      {
        type: "ack",
        conversation: "lobby",
        id: "a1",
        seq: 2,
        at,
        quota: { limit: 100, remaining: 99, reset: expect.any(Number) },
      },
    ]);
    expect(anna.of("typing")).toEqual([{ type: "typing", conversation: "lobby", user: "ben", active: true }]);
    expect(anna.of("read")).toEqual([{ type: "read", conversation: "lobby", user: "ben", seq: 1 }]);
    // The socket of one conversation gets the same frames without it.
    await ben.next("message");
    await ben.settled();
    expect(ben.frames.filter((frame) => "conversation" in frame).map((frame) => frame.type)).toEqual([
      "welcome",
    ]);
  });

  test("MX3 requests need no open conversation, and nobody becomes present by them", async () => {
    await using server = await startTestServer();
    await using ben = await join(server, "ben");
    await using anna = await connectUser(server);
    anna.send({ type: "typing", conversation: "lobby", active: true });
    anna.send({ type: "message", conversation: "lobby", id: "a1", text: "from outside" });
    anna.send({ type: "history", conversation: "lobby", id: "h1" });
    expect(await anna.next("ack")).toMatchObject({ conversation: "lobby", id: "a1", seq: 1 });
    expect(await anna.next("history")).toMatchObject({
      conversation: "lobby",
      id: "h1",
      messages: [{ seq: 1 }],
    });
    await anna.settled();
    expect(anna.frames.map((frame) => frame.type)).toEqual(["welcome", "ack", "history", "pong"]);
    await ben.next("message");
    await ben.settled();
    expect(ben.of("presence")).toEqual([]);
    expect(ben.of("typing")).toEqual([]);
  });

  test("MX3 after `closed` nothing of that conversation comes, and the others go on", async () => {
    await using server = await startTestServer();
    await using ben = await join(server, "ben");
    await using anna = await connectUser(server);
    await open(anna, "lobby", "other");
    anna.send({ type: "message", conversation: "lobby", id: "a1", text: "one" });
    anna.send({ type: "close", conversations: ["lobby", "never"] });
    // The answer to the message comes before that to `close` (MX1).
    await anna.next("ack");
    await anna.next("closed");
    expect(anna.of("closed")).toContainEqual({ type: "closed", conversation: "lobby" });
    const before = anna.frames.length;
    ben.send({ type: "message", id: "b1", text: "two" });
    await ben.next("ack");
    anna.send({ type: "message", conversation: "other", id: "a2", text: "three" });
    await anna.next("ack");
    await anna.settled();
    expect(
      anna.frames.slice(before).filter((one) => "conversation" in one && one.conversation === "lobby"),
    ).toEqual([]);
  });

  test("MX2 to open what is open opens it again, and others see no leave", async () => {
    await using server = await startTestServer();
    await using ben = await join(server, "ben");
    await using anna = await connectUser(server);
    await open(anna, "lobby");
    ben.send({ type: "message", id: "b1", text: "one" });
    await anna.next("message");
    anna.send({ type: "open", conversations: [{ conversation: "lobby", after: 0 }] });
    expect(await anna.next("opened")).toMatchObject({ conversation: "lobby", resumed: true, seq: 1 });
    expect(await anna.next("message")).toMatchObject({ seq: 1 });
    await ben.settled();
    expect(ben.of("presence").map((frame) => frame.state)).toEqual(["joined"]);
  });

  test("MX5 as many conversations as MAX_OPEN_CONVERSATIONS may be open", async () => {
    await using server = await startTestServer({ env: { MAX_OPEN_CONVERSATIONS: "2" } });
    await using anna = await connectUser(server);
    await open(anna, "a", "b");
    anna.send({ type: "open", conversations: [{ conversation: "c" }, { conversation: "a" }], id: "o1" });
    expect(await anna.next("error")).toEqual({
      type: "error",
      conversation: "c",
      code: "too_many_conversations",
      message: expect.any(String),
      id: "o1",
    });
    expect(await anna.next("opened")).toMatchObject({ conversation: "a" });
    anna.send({ type: "close", conversations: ["a"] });
    await anna.next("closed");
    await open(anna, "c");
  });
});

describe("the wrong kind of socket", () => {
  test("MX1 on the socket of a user a missing conversation is `invalid`", async () => {
    await using server = await startTestServer();
    await using anna = await connectUser(server);
    anna.send({ type: "message", id: "m1", text: "where?" });
    anna.send({ type: "history", id: "h1" });
    anna.send({ type: "typing", active: true });
    anna.send({ type: "read", seq: 1 });
    await anna.settled();
    const message = "`conversation`: must be there on the socket of a user.";
    const error = { type: "error", code: "invalid", message } as const;
    expect(anna.of("error")).toEqual([{ ...error, id: "m1" }, { ...error, id: "h1" }, error, error]);
  });

  test("MX1 on a socket of one conversation `open`, `close` and another conversation are `invalid`", async () => {
    await using server = await startTestServer();
    await using anna = await join(server, "anna");
    anna.send({ type: "open", conversations: [{ conversation: "lobby" }], id: "o1" });
    anna.send({ type: "close", conversations: ["lobby"] });
    anna.send({ type: "message", conversation: "other", id: "m1", text: "there" });
    anna.send({ type: "message", conversation: "lobby", id: "m2", text: "here" });
    expect(await anna.next("ack")).toMatchObject({ id: "m2", seq: 1 });
    expect(anna.of("error").map(({ code, id }) => [code, id])).toEqual([
      ["invalid", "o1"],
      ["invalid", undefined],
      ["invalid", "m1"],
    ]);
    expect(anna.frames.filter((one) => "conversation" in one).map((one) => one.type)).toEqual(["welcome"]);
  });

  test("MX1 a position in the address of a user's socket is `bad_address`", async () => {
    await using server = await startTestServer();
    const url = `${server.wsUrl}/ws/anna?after=3&token=${await server.token("anna")}`;
    const socket = new WebSocket(url);
    const first = new Promise((resolve) =>
      socket.addEventListener("message", ({ data }) => resolve(data), { once: true }),
    );
    expect(JSON.parse(String(await first))).toMatchObject({ type: "error", code: "bad_address" });
    socket.close();
  });
});
