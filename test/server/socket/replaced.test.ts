import { describe, expect, test } from "bun:test";
import type { Engine } from "../../../src/core/ports/engine.ts";
import { RawSocket } from "../../support/clients/raw-socket.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { overrideEngine } from "../../support/server/override-engine.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

/** Room for one connection of each user, and no grace: a leave would be seen at once. */
const FULL = { PLANS: "free:0:1", DEFAULT_PLAN: "free", BURST_RATE: "0", PRESENCE_GRACE: "0" };

const REPLACED = { type: "closing", code: 4410, reason: "replaced", reconnect: false };

async function addressOf(server: TestServer, user: string, query = "&client=tab"): Promise<string> {
  return `${server.wsUrl}/ws/${user}/lobby?token=${await server.token(user)}${query}`;
}

function texts(client: TestClient): string[] {
  return client.of("message").map(({ text }) => text);
}

describe("W8 a newer connection of the same client", () => {
  test("W8 replaces the older one, which receives `closing` and 4410 and nothing else", async () => {
    await using server = await startTestServer({ env: FULL });
    await using older = await TestClient.connect(await addressOf(server, "anna"));
    await older.settled();
    await using newer = await TestClient.connect(await addressOf(server, "anna"));
    expect(await older.closed).toEqual({ code: 4410, reason: "replaced" });
    expect(older.frames.slice(2)).toEqual([REPLACED] as never);
    await newer.settled();
    expect(newer.frames.map(({ type }) => type)).toEqual(["welcome", "pong"]);
    await using refused = TestClient.open(await addressOf(server, "anna", "&client=other"));
    expect(await refused.next("closing")).toMatchObject({ code: 4409 });
  });

  test("W8 P1 causes no leave or join of the user, without any grace", async () => {
    await using server = await startTestServer({ env: FULL });
    await using ben = await TestClient.connect(await addressOf(server, "ben"));
    const older = await TestClient.connect(await addressOf(server, "anna"));
    await ben.next("presence");
    await using newer = await TestClient.connect(await addressOf(server, "anna"));
    await older.closed;
    expect(newer.of("welcome")[0]?.present.map(({ user }) => user)).toEqual(["ben", "anna"]);
    // A leave would have been delivered before this message.
    newer.send({ type: "message", text: "here" });
    await ben.next("message");
    expect(ben.of("presence")).toHaveLength(1);
    await newer[Symbol.asyncDispose]();
    expect(await ben.next("presence")).toMatchObject({ user: "anna", state: "left" });
  });

  test("W8 D3 D4 resumes at its position; the older one's messages are stored once", async () => {
    await using server = await startTestServer({ env: FULL });
    await using ben = await TestClient.connect(await addressOf(server, "ben"));
    await using older = await TestClient.connect(await addressOf(server, "anna"));
    const { epoch } = older.of("welcome")[0]!;
    older.send({ type: "message", id: "m1", text: "one" });
    await older.next("ack");
    // The older connection holds a second message when the newer one is admitted.
    const opening = TestClient.open(await addressOf(server, "anna", `&client=tab&after=1&epoch=${epoch}`));
    older.send({ type: "message", id: "m2", text: "two" });
    await using newer = opening;
    await newer.next("welcome");
    await older.closed;
    newer.send({ type: "message", id: "m2", text: "two" });
    newer.send({ type: "message", id: "m3", text: "three" });
    while (texts(ben).at(-1) !== "three") await ben.next("message");
    expect(texts(ben)).toEqual(["one", "two", "three"]);
    while (texts(newer).at(-1) !== "three") await newer.next("message");
    expect(texts(newer)).toEqual(["two", "three"]);
  });

  test("W8 of twenty within a second the last one stays, and each of the others is notified that it was replaced", async () => {
    await using server = await startTestServer({ env: FULL });
    await using ben = await TestClient.connect(await addressOf(server, "ben"));
    const address = await addressOf(server, "anna");
    const all: TestClient[] = [];
    for (let i = 0; i < 20; i++) {
      all.push(TestClient.open(address));
      if (i % 3 === 0) await all.at(-1)!.opened();
    }
    const last = all.pop()!;
    await last.next("welcome");
    for (const each of all) {
      expect(await each.closed).toEqual({ code: 4410, reason: "replaced" });
      expect(each.frames.at(-1)).toEqual(REPLACED as never);
    }
    await last.settled();
    expect(last.of("closing")).toEqual([]);
    await ben.settled();
    expect(ben.of("presence")).toHaveLength(1);
    // Neither a place too many is taken, nor one too few.
    await using refused = TestClient.open(await addressOf(server, "anna", ""));
    expect(await refused.next("closing")).toMatchObject({ code: 4409 });
    await last[Symbol.asyncDispose]();
    await using next = await TestClient.connect(await addressOf(server, "anna", ""));
    await next.settled();
  });

  test("W8 replaces a dead connection: neither plan nor address counts both", async () => {
    await using server = await startTestServer({ env: FULL });
    const path = `/ws/anna/lobby?token=${await server.token("anna")}&client=tab`;
    await using ghost = await RawSocket.handshake(server.port, path);
    await ghost.waitForFrame("welcome");
    // From now on it reads nothing and sends nothing.
    ghost.stopReading();
    await using newer = await TestClient.connect(`${server.wsUrl}${path}`);
    await newer.settled();
    const ended = server.log.entries.filter(({ event }) => event === "connection.closing");
    expect(ended.map(({ fields }) => fields.close_code)).toEqual([4410]);
  });
});

describe("W8 no other connection is replaced", () => {
  test("W8 another client, another conversation, another user, and a client without a name stay", async () => {
    await using server = await startTestServer({ env: { ...FULL, PLANS: "free:0:5" } });
    const token = await server.token("anna");
    const path = (rest: string) => `${server.wsUrl}/ws/anna/${rest}`;
    const clients = [
      await TestClient.connect(path(`lobby?token=${token}&client=tab`)),
      await TestClient.connect(path(`lobby?token=${token}&client=Tab`)),
      await TestClient.connect(path(`other?token=${token}&client=tab`)),
      await TestClient.connect(path(`lobby?token=${token}`)),
      await TestClient.connect(path(`lobby?token=${token}`)),
      await TestClient.connect(await addressOf(server, "ben")),
    ];
    for (const client of clients) await client.settled();
    expect(clients.flatMap((client) => client.of("closing"))).toEqual([]);
    for (const client of clients) await client[Symbol.asyncDispose]();
  });

  test("W3 W8 a client without the user's token, or with another's, replaces no connection", async () => {
    await using server = await startTestServer({ env: FULL });
    await using anna = await TestClient.connect(await addressOf(server, "anna"));
    const stolen = `/ws/anna/lobby?token=${await server.token("ben")}&client=tab`;
    const targets = [stolen, "/ws/anna/lobby?token=abc&client=tab", "/ws/anna/lobby?ticket=abc&client=tab"];
    for (const target of targets) {
      await using stranger = TestClient.open(`${server.wsUrl}${target}`);
      await stranger.closed;
    }
    await using silent = TestClient.open(`${server.wsUrl}/ws/anna/lobby?client=tab`);
    await silent.opened();
    silent.send({ type: "token", token: await server.token("ben") });
    expect((await silent.closed).code).toBe(4403);
    await anna.settled();
    expect(anna.of("closing")).toEqual([]);
  });

  test("W3 W8 a wrong name and a repeated one are `bad_address`, 4400", async () => {
    await using server = await startTestServer({ env: FULL });
    for (const query of ["&client=", "&client=a%20b", `&client=${"a".repeat(65)}`, "&client=a&client=a"]) {
      await using client = TestClient.open(await addressOf(server, "anna", query));
      expect(await client.next("error")).toMatchObject({ code: "bad_address" });
      expect((await client.closed).code).toBe(4400);
    }
  });
});

describe("W8 in every phase of a connection", () => {
  test("W8 a credential in the first frame, and a ticket, replace like a token in the address", async () => {
    await using server = await startTestServer({ env: FULL });
    await using first = await TestClient.connect(await addressOf(server, "anna"));
    await using second = TestClient.open(`${server.wsUrl}/ws/anna/lobby?client=tab`);
    await second.opened();
    await first.settled();
    expect(first.of("closing")).toEqual([]);
    second.send({ type: "token", token: await server.token("anna") });
    await second.next("welcome");
    expect((await first.closed).code).toBe(4410);
    const answer = await fetch(`${server.url}/ticket`, {
      method: "POST",
      headers: { Authorization: `Bearer ${await server.token("anna")}`, "Content-Type": "application/json" },
      body: JSON.stringify({ conversation: "lobby" }),
    });
    const { ticket } = (await answer.json()) as { ticket: string };
    await using third = await TestClient.connect(`${server.wsUrl}/ws/anna/lobby?ticket=${ticket}&client=tab`);
    expect((await second.closed).code).toBe(4410);
    await third.settled();
  });

  test("W8 one that is still being admitted is replaced, and its lease passes to the newer one", async () => {
    const held = Promise.withResolvers<void>();
    let asked = 0;
    const disturb = (engine: Engine) =>
      overrideEngine(engine, {
        quota: async (...arguments_: Parameters<Engine["quota"]>) => {
          if (asked++ === 0) await held.promise;
          return engine.quota(...arguments_);
        },
      });
    await using server = await startTestServer({ env: FULL, wrapEngine: disturb });
    await using older = TestClient.open(await addressOf(server, "anna"));
    await older.opened();
    await waitUntil("the older one is being admitted", () => asked === 1);
    await using newer = await TestClient.connect(await addressOf(server, "anna"));
    expect((await older.closed).code).toBe(4410);
    held.resolve();
    await newer.settled();
    expect(older.frames).toEqual([REPLACED] as never);
    expect(newer.of("welcome")[0]?.present.map(({ user }) => user)).toEqual(["anna"]);
  });

  test("W8 D4 one that is catching up is replaced, and the newer one gets everything from its own position", async () => {
    let pages = 0;
    const held = Promise.withResolvers<void>();
    const disturb = (engine: Engine) =>
      overrideEngine(engine, {
        page: async (...arguments_: Parameters<Engine["page"]>) => {
          if (pages++ === 1) await held.promise;
          return engine.page(...arguments_);
        },
      });
    await using server = await startTestServer({ env: FULL, wrapEngine: disturb });
    await using ben = await TestClient.connect(await addressOf(server, "ben"));
    for (let i = 0; i < 1_200; i++) ben.send({ type: "message", text: `${i}` });
    while (ben.of("ack").length < 1_200) await ben.next("ack");
    await using older = TestClient.open(await addressOf(server, "anna", "&client=tab&after=0"));
    await waitUntil("the older one waits for a page", () => pages === 2);
    older.send({ type: "message", id: "late", text: "late" });
    await using newer = await TestClient.connect(await addressOf(server, "anna", "&client=tab&after=100"));
    expect((await older.closed).code).toBe(4410);
    held.resolve();
    newer.send({ type: "message", id: "late", text: "late" });
    while (texts(newer).at(-1) !== "late") await newer.next("message");
    expect(newer.of("message").map(({ seq }) => seq)).toEqual(
      Array.from({ length: 1_101 }, (_, i) => 101 + i),
    );
  });
});
