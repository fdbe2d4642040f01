import { expect, test } from "bun:test";
import { encodeMessageBody } from "../../../src/core/conversation/entry.ts";
import type { Engine } from "../../../src/core/ports/engine.ts";
import type { PostResult } from "../../../src/core/ports/message-log.ts";
import { RawSocket } from "../../support/clients/raw-socket.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { overrideEngine } from "../../support/server/override-engine.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

/** The real engine with the given methods replaced. */
function faulty(change: (engine: Engine) => Partial<Engine>) {
  return (engine: Engine): Engine => overrideEngine(engine, change(engine));
}

async function addressOf(server: TestServer, user: string, conversation = "lobby"): Promise<string> {
  return `${server.wsUrl}/ws/${user}/${conversation}?token=${await server.token(user)}`;
}

/** The client got only `internal` and an id, and the log has the cause under that id. */
function expectInternal(server: TestServer, client: TestClient, cause: string): void {
  const [error] = client.of("error");
  expect(error?.code).toBe("internal");
  const id = /id is ([0-9a-f-]{36})\.$/.exec(error?.message ?? "")?.[1];
  expect(error?.message).toBe(`An unexpected error happened; its id is ${id}.`);
  expect(client.of("closing")).toEqual([
    { type: "closing", code: 1011, reason: "internal error", reconnect: true },
  ]);
  const line = server.log.entries.find(({ fields }) => fields.id === id);
  expect(line).toMatchObject({ level: "error", event: "connection.failed" });
  expect(String(line?.fields.error)).toContain(cause);
}

test("RT-2 M5 an exception in handling a frame ends that socket with an id, and no other", async () => {
  await using server = await startTestServer({
    wrapEngine: faulty((engine) => ({
      post(request, done) {
        if (request.body === encodeMessageBody("fault")) throw new Error("table secret_table is locked");
        engine.post(request, done);
      },
    })),
  });
  await using ben = await TestClient.connect(await addressOf(server, "ben"));
  await using anna = await TestClient.connect(await addressOf(server, "anna"));
  anna.send({ type: "message", text: "fault", id: "m1" });
  expect(await anna.closed).toEqual({ code: 1011, reason: "internal error" });
  expectInternal(server, anna, "secret_table");
  ben.send({ type: "message", text: "unharmed", id: "m1" });
  expect(await ben.next("ack")).toMatchObject({ seq: 1 });
  await using again = await TestClient.connect(await addressOf(server, "anna"));
  await again.settled();
});

test("RT-2 M5 a rejection during admission ends the socket the same way, and releases what it held", async () => {
  let away = true;
  for (const broken of ["quota", "listen"] as const) {
    away = true;
    await using server = await startTestServer({
      env: { PLANS: "free:100:1" },
      wrapEngine: faulty((engine) => ({
        async quota(user, limit) {
          if (away && broken === "quota") throw new Error("the disk is on fire");
          return engine.quota(user, limit);
        },
        async subscribe(conversation, listener) {
          if (away && broken === "listen") throw new Error("the disk is on fire");
          return engine.subscribe(conversation, listener);
        },
      })),
    });
    for (let i = 0; i < 3; i++) {
      await using anna = TestClient.open(await addressOf(server, "anna"));
      expect(await anna.closed).toMatchObject({ code: 1011 });
      if (i === 0) expectInternal(server, anna, "on fire");
    }
    away = false;
    await using anna = await TestClient.connect(await addressOf(server, "anna"));
    expect(anna.of("welcome")[0]?.present).toMatchObject([{ user: "anna" }]);
  }
});

test("RT-2 an exception in a frame from before the welcome ends that socket too", async () => {
  await using server = await startTestServer({
    wrapEngine: faulty(() => ({
      post() {
        throw new Error("no");
      },
    })),
  });
  await using raw = await RawSocket.handshake(server.port, "/ws/anna/lobby");
  raw.sendJson({ type: "token", token: await server.token("anna") });
  raw.sendJson({ type: "message", text: "early" });
  expect(await raw.waitForClose()).toMatchObject({ code: 1011 });
  expect(raw.frames.map(({ type }) => type).slice(-2)).toEqual(["error", "closing"]);
});

test("RT-7 a client that leaves during admission leaves nothing behind: no lease, no member", async () => {
  const reached = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  let slow = true;
  await using server = await startTestServer({
    env: { PLANS: "free:100:1" },
    wrapEngine: faulty((engine) => ({
      async subscribe(conversation, listener) {
        if (slow) {
          reached.resolve();
          await answer.promise;
        }
        return engine.subscribe(conversation, listener);
      },
    })),
  });
  const leaver = await RawSocket.handshake(server.port, `/ws/anna/lobby?token=${await server.token("anna")}`);
  await reached.promise;
  slow = false;
  await leaver[Symbol.asyncDispose]();
  await using ben = await TestClient.connect(await addressOf(server, "ben", "elsewhere"));
  await ben.settled();
  answer.resolve();
  await using anna = await TestClient.connect(await addressOf(server, "anna"));
  expect(anna.of("welcome")[0]?.present).toMatchObject([{ user: "anna" }]);
});

test("M5 Q4 an unavailable store causes `unavailable`, and the socket stays open until it is back", async () => {
  let away = true;
  await using server = await startTestServer({
    wrapEngine: faulty((engine) => ({
      post(request, done) {
        if (away) done({ outcome: "unavailable" });
        else engine.post(request, done);
      },
      history(request, done) {
        if (away) done({ outcome: "unavailable" });
        else engine.history(request, done);
      },
    })),
  });
  await using anna = await TestClient.connect(await addressOf(server, "anna"));
  anna.send({ type: "message", text: "x", id: "m1" });
  expect(await anna.next("error")).toMatchObject({ code: "unavailable", id: "m1", retry_after: 1 });
  anna.send({ type: "history", id: "h1" });
  expect(await anna.next("error")).toMatchObject({ code: "unavailable", id: "h1" });
  away = false;
  anna.send({ type: "message", text: "x", id: "m1" });
  expect(await anna.next("ack")).toMatchObject({ id: "m1", quota: { remaining: 99 } });
});

test("RT-3 RT-4 B2 a sender is paused at 32 pending requests, without loss, and continues in order", async () => {
  const asked: (() => void)[] = [];
  await using server = await startTestServer({
    env: { BURST_RATE: "0", PLANS: "free:0:0" },
    wrapEngine: faulty((engine) => ({
      post(request, done: (result: PostResult) => void) {
        if (request.user === "ben") engine.post(request, done);
        else asked.push(() => engine.post(request, done));
      },
    })),
  });
  await using ben = await TestClient.connect(await addressOf(server, "ben"));
  await using raw = await RawSocket.handshake(
    server.port,
    `/ws/anna/lobby?token=${await server.token("anna")}`,
  );
  await raw.waitForFrame("welcome");
  let sent = 0;
  const say = async (count: number) => {
    for (let i = 0; i < count; i++) raw.sendJson({ type: "message", text: "x", id: `m${sent++}` });
    // Round trips of another socket: the server has read everything of this one that it was going to read.
    for (let i = 0; i < 5; i++) await ben.settled();
  };
  await say(32);
  expect(asked).toHaveLength(32);
  await say(100);
  expect(asked).toHaveLength(32);
  ben.send({ type: "message", text: "unharmed", id: "b1" });
  await ben.next("ack");
  // The store responds at last; the waiting frames are read, with more pauses on the way.
  const acks = () => raw.frames.flatMap((frame) => (frame.type === "ack" ? [frame.id] : []));
  while (acks().length < 132) {
    expect(asked.length).toBeLessThanOrEqual(132);
    for (const go of asked.splice(0)) go();
    await ben.settled();
  }
  expect(acks()).toEqual(Array.from({ length: 132 }, (_, i) => `m${i}`));
});
