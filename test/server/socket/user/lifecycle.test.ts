// What ends one conversation on the socket of a user, and what ends the socket.
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import type { EpochListener } from "../../../../src/core/ports/message-log.ts";
import { signToken } from "../../../../src/server/authentication/tokens.ts";
import { join } from "../../../support/clients/join.ts";
import { TestClient } from "../../../support/clients/test-client.ts";
import { overrideEngine } from "../../../support/server/override-engine.ts";
import { startTestServer, type TestServer } from "../../../support/server/test-server.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { removeConversation } from "../../removal.ts";
import { connectUser, open } from "./user-client.ts";

const sign = (server: TestServer, grants: object) =>
  signToken(server.keys, { subject: "anna", now: Date.now(), grants });

describe("MX1 A2 A6 rights", () => {
  test("MX1 A2 a narrower token closes the conversations that it does not allow, and no other", async () => {
    await using server = await startTestServer();
    await using ben = await join(server, "ben");
    await using anna = await connectUser(server, "anna", { token: await sign(server, {}) });
    await open(anna, "lobby", "team-1");
    anna.send({ type: "token", token: await sign(server, { conversations: ["team-*"] }) });
    expect(await anna.next("token_accepted")).toMatchObject({ expires_in: expect.any(Number) });
    expect(await anna.next("closed")).toEqual({
      type: "closed",
      conversation: "lobby",
      code: "forbidden",
      message: "This token does not allow the conversation `lobby`.",
    });
    ben.send({ type: "message", text: "unheard" });
    await ben.next("ack");
    anna.send({ type: "open", conversations: [{ conversation: "lobby" }], id: "o1" });
    expect(await anna.next("error")).toMatchObject({ code: "forbidden", conversation: "lobby", id: "o1" });
    anna.send({ type: "message", conversation: "team-1", text: "still here", id: "m1" });
    expect(await anna.next("ack")).toMatchObject({ conversation: "team-1", id: "m1" });
    expect(anna.of("message").map(({ conversation }) => conversation)).toEqual(["team-1"]);
  });

  test("MX3 A6 each verb asks for its right: reading and writing, open or not", async () => {
    await using server = await startTestServer();
    await using writer = await connectUser(server, "anna", {
      token: await sign(server, { rights: ["write"] }),
    });
    writer.send({ type: "message", conversation: "lobby", text: "x", id: "m1" });
    expect(await writer.next("ack")).toMatchObject({ id: "m1", seq: 1 });
    writer.send({ type: "history", conversation: "lobby", id: "h1" });
    writer.send({ type: "open", conversations: [{ conversation: "lobby" }], id: "o1" });
    const error = { type: "error", conversation: "lobby", code: "forbidden" } as const;
    const message = "This token does not have the right `read`.";
    expect(await writer.next("error")).toEqual({ ...error, message, id: "h1" });
    expect(await writer.next("error")).toEqual({ ...error, message, id: "o1" });

    await using reader = await connectUser(server, "anna", {
      token: await sign(server, { rights: ["read"] }),
    });
    await open(reader, "lobby");
    for (const conversation of ["lobby", "elsewhere"]) {
      reader.send({ type: "message", conversation, text: "x", id: "m2" });
      expect(await reader.next("error")).toMatchObject({ conversation, code: "forbidden", id: "m2" });
    }
    reader.send({ type: "history", conversation: "lobby" });
    expect((await reader.next("history")).messages).toHaveLength(1);
  });

  test("MX1 A3 a revoked token closes the socket with all its conversations", async () => {
    const clock = new ManualClock(Date.now());
    await using server = await startTestServer({ clock });
    await using ben = await join(server, "ben");
    await using anna = await connectUser(server);
    await open(anna, "lobby", "other");
    clock.advance(1);
    await server.revocations.revokeUser("anna", clock.now());
    expect(await anna.closed).toMatchObject({ code: 4401 });
    expect(anna.frames.slice(-2).map(({ type }) => type)).toEqual(["error", "closing"]);
    expect(await ben.next("presence")).toMatchObject({ user: "anna", state: "joined" });
    expect(await ben.next("presence")).toMatchObject({ user: "anna", state: "left" });
  });
});

describe("MX5 W8 the connection", () => {
  test("MX5 W5 it counts as one connection of the plan, whatever is open on it", async () => {
    await using server = await startTestServer({ env: { PLANS: "free:100:2" } });
    await using first = await connectUser(server);
    await open(first, "a", "b", "c");
    await using second = await join(server, "anna");
    second.send({ type: "ping" });
    await second.next("pong");
    await using third = TestClient.open(`${server.wsUrl}/ws/anna?token=${await server.token("anna")}`);
    expect(await third.closed).toMatchObject({ code: 4409 });
  });

  test("W8 MX1 a newer one of the same client replaces it, and no socket of one conversation", async () => {
    await using server = await startTestServer();
    await using ben = await join(server, "ben");
    await using other = await join(server, "anna", { query: "&client=tab" });
    await using older = await connectUser(server, "anna", { query: "&client=tab" });
    await open(older, "lobby");
    await using newer = await connectUser(server, "anna", { query: "&client=tab" });
    expect(await older.closed).toEqual({ code: 4410, reason: "replaced" });
    await open(newer, "lobby");
    other.send({ type: "message", text: "here" });
    expect(await newer.next("message")).toMatchObject({ conversation: "lobby", text: "here" });
    await ben.settled();
    expect(ben.of("presence").map(({ state }) => state)).toEqual(["joined"]);
  });

  test("MX1 I1 what a client does in one conversation keeps the whole socket, and all are closed together", async () => {
    const clock = new ManualClock();
    const env = { INACTIVITY_TIMEOUT: "20", PING_INTERVAL: "3600" };
    await using server = await startTestServer({ clock, env });
    await using anna = await connectUser(server);
    await open(anna, "a", "b");
    clock.advance(18_000);
    expect(await anna.next("warning")).toMatchObject({ code: "inactivity", seconds: 2 });
    anna.send({ type: "read", conversation: "not-open", seq: 0 });
    await anna.settled();
    clock.advance(17_900);
    await anna.settled();
    expect(anna.of("warning")).toHaveLength(1);
    clock.advance(100);
    await anna.next("warning");
    clock.advance(2_000);
    expect(await anna.closed).toEqual({ code: 4408, reason: "inactive" });
    expect(anna.of("closed")).toEqual([]);
  });

  test("MX1 L1 D2 a server that stops answers what had arrived, and then sends one `closing` for all", async () => {
    const server = await startTestServer({ env: { DRAIN_SECONDS: "0" } });
    await using anna = await connectUser(server);
    await open(anna, "a", "b");
    for (const conversation of ["a", "b", "c"])
      anna.send({ type: "message", conversation, text: "x", id: conversation });
    await anna.settled();
    await server.stop();
    expect(await anna.closed).toMatchObject({ code: 1012 });
    expect(
      anna
        .of("ack")
        .map(({ conversation }) => conversation)
        .sort(),
    ).toEqual(["a", "b", "c"]);
    expect(anna.frames.at(-1)).toMatchObject({ type: "closing", code: 1012, reconnect: true });
  });

  test("MX1 L3 `degraded` and `recovered` come once, however many conversations are open", async () => {
    const watchers = new Set<(ready: boolean) => void>();
    let isReady = true;
    const clock = new ManualClock(Date.now());
    await using server = await startTestServer({
      clock,
      wrapEngine: (engine) =>
        overrideEngine(engine, {
          ready: () => isReady,
          watchReady(watcher) {
            watchers.add(watcher);
            return () => watchers.delete(watcher);
          },
        }),
    });
    const set = (ready: boolean) => {
      isReady = ready;
      for (const watcher of watchers) watcher(ready);
    };
    await using none = await connectUser(server, "ben");
    await using three = await connectUser(server);
    await open(three, "a", "b", "c");
    set(false);
    await Promise.all([none.next("degraded"), three.next("degraded")]);
    clock.advance(1_000);
    set(true);
    await Promise.all([none.next("recovered"), three.next("recovered")]);
    for (const client of [none, three]) {
      await client.settled();
      expect([client.of("degraded").length, client.of("recovered").length]).toEqual([1, 1]);
    }
  });
});

describe("MX3 what ends one conversation", () => {
  test("MX3 MB6 a removal closes it as `removed`; it can be opened again without the epoch, and not with it", async () => {
    const dataDir = mkdtempSync(joinPath(tmpdir(), "parley-user-removed-"));
    try {
      await using server = await startTestServer({ env: { DATA_DIR: dataDir } });
      await using anna = await connectUser(server);
      await open(anna, "lobby", "other");
      const { epoch } = anna.of("opened").find(({ conversation }) => conversation === "lobby")!;
      anna.send({ type: "message", conversation: "lobby", id: "m1", text: "hello" });
      await anna.next("ack");
      await removeConversation({ DATA_DIR: dataDir });
      expect(await anna.next("closed")).toEqual({
        type: "closed",
        conversation: "lobby",
        code: "removed",
        message: expect.stringContaining("was removed"),
      });
      anna.send({ type: "open", conversations: [{ conversation: "lobby", after: 1, epoch }], id: "o1" });
      expect(await anna.next("error")).toMatchObject({ code: "removed", conversation: "lobby", id: "o1" });
      await open(anna, "lobby");
      anna.send({ type: "message", conversation: "other", id: "m2", text: "still here" });
      await anna.next("ack");
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  test("MX3 D5 messages that the store has lost close it as `new_epoch`, with a time to open it again", async () => {
    const watchers = new Set<EpochListener>();
    await using server = await startTestServer({
      wrapEngine: (engine) =>
        overrideEngine(engine, {
          watchEpoch(watcher) {
            watchers.add(watcher);
            return () => watchers.delete(watcher);
          },
        }),
    });
    await using anna = await connectUser(server);
    await open(anna, "lobby", "other");
    for (const watcher of watchers) watcher("lobby", 0, "another.0");
    expect(await anna.next("closed")).toEqual({
      type: "closed",
      conversation: "lobby",
      code: "new_epoch",
      message: "The store has lost messages. Open the conversation again.",
      retry_after: expect.any(Number),
    });
    await open(anna, "lobby");
    anna.send({ type: "ping" });
    await anna.next("pong");
  });
});
