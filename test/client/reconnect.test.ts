import { describe, expect, test } from "bun:test";
import { connect, type Options, type Status, watchPresence } from "../../src/client/index.ts";
import { REPLY_TIMEOUT_MS } from "../../src/client/options.ts";
import { FaultProxy } from "../delivery/fault-proxy.ts";
import { becomes, enter, keepOpen, next, reaches } from "../support/clients/library.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { base64url } from "../support/server/tokens.ts";
import { ManualTiming } from "../support/time/manual-timing.ts";
import { waitUntil } from "../support/time/wait-until.ts";

type Entered = Awaited<ReturnType<typeof enter>>;

/** Has the server do something to the connection of a client. */
async function disturb({ parley }: Pick<Entered, "parley">, fault: object): Promise<void> {
  await parley.request("POST", "/test/faults", {
    connection: parley.welcome.getSnapshot()!.connection,
    fault,
  });
}

/** A manual clock, which never pings. */
const withoutPings = () => Object.assign(new ManualTiming(), { pingAfter: 1e9 });

test("W5 31 a refused second tab connects when the first one closes, and its messages are sent", async () => {
  // ann's plan allows one connection.
  await using server = await startTestServer({ env: { PLANS: "free:100:1" } });
  const first = await enter(server, "ann");
  const timing = withoutPings();
  const second = connect({ url: server.url, token: await server.token("ann"), timing });
  const errors: string[] = [];
  second.on("error", ({ code }) => errors.push(code));
  const sending = second.conversation("lobby").send("written while refused", { id: "m1" });
  expect(await reaches(second, "waiting")).toMatchObject({ code: 4409, reason: "too many connections" });
  await first.parley.close();
  await waitUntil("the second tab is in", () => {
    timing.advance(10_000);
    return second.status.getSnapshot().state === "live";
  });
  expect((await sending).seq).toBe(1);
  expect(errors).toEqual([]);
  await second.close();
});

test("31 two `connect()` of one page do not replace each other, and each keeps its name over reconnects", async () => {
  await using server = await startTestServer();
  const names: (string | null)[] = [];
  class Watched extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      names.push(new URL(url).searchParams.get("client"));
    }
  }
  await using one = await enter(server, "ann", { WebSocket: Watched });
  one.parley.reconnect();
  await reaches(one.lobby, "live");
  await using two = await enter(server, "ann", { WebSocket: Watched });
  const [first, again, other] = names;
  expect(first).toMatch(/^[A-Za-z0-9._-]{8,64}$/);
  expect([again === first, other === first]).toEqual([true, false]);
  const message = next(one.lobby, "message");
  await two.lobby.send("both are there");
  expect(await message).toMatchObject({ text: "both are there" });
});

test.each([
  [4410, "replaced", "reconnect"],
  [4403, "forbidden", "change"],
])("after %d the line is closed", async (code, reason, advice) => {
  await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
  await using ann = await enter(server, "ann");
  const loop = (async () => {
    for await (const _ of ann.lobby);
  })().catch((error) => error.code);
  await disturb(ann, { do: "close", code });
  expect(await reaches(ann.parley, "closed")).toEqual({ state: "closed", code, reason, advice } as never);
  expect(await loop).toBe("closed");
  expect(ann.lobby.send("again")).rejects.toMatchObject({ code: "closed" });
});

test("I1 10 27 a loop goes on over a close for inactivity, once something is sent", async () => {
  await using server = await startTestServer({ env: { INACTIVITY_TIMEOUT: "1" } });
  await using ann = await enter(server, "ann");
  const received: string[] = [];
  const loop = (async () => {
    for await (const { text } of ann.lobby) {
      received.push(text);
      if (text === "two") return;
    }
  })();
  await ann.lobby.send("one");
  ann.lobby.read();
  expect(await reaches(ann.parley, "closed")).toMatchObject({ code: 4408, advice: "reconnect" });
  await using ben = await enter(server, "ben");
  await ben.lobby.send("sent meanwhile");
  // Nothing but an action opens the line again.
  expect(ann.parley.status.getSnapshot()).toMatchObject({ state: "closed", code: 4408 });
  await ann.lobby.send("two");
  await loop;
  expect(received).toEqual(["one", "sent meanwhile", "two"]);
});

test("D3 a missing ack ends the connection after a while, and the message is stored once", async () => {
  await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
  const timing = withoutPings();
  await using ann = await enter(server, "ann", { timing });
  await disturb(ann, { do: "lose", next: "ack", count: 1 });
  const received = next(ann.lobby, "message");
  const sending = ann.lobby.send("where is my ack?");
  await received;
  timing.advance(REPLY_TIMEOUT_MS - 1);
  expect(ann.parley.status.getSnapshot().state).toBe("live");
  timing.advance(1);
  expect(await reaches(ann.parley, "waiting")).toMatchObject({ code: 1006, reason: "no reply" });
  timing.advance(30_000);
  expect(await sending).toMatchObject({ seq: 1, duplicate: true });
});

test("09 reconnect() starts over in any state of waiting", async () => {
  await using server = await startTestServer();
  const good = await server.token("ann");
  let asked = 0;
  const token = () => (asked++ === 0 ? new Promise<never>(() => {}) : good);
  const parley = connect({ url: server.url, token, timing: withoutPings() });
  const lobby = parley.conversation("lobby");
  keepOpen(lobby);
  await waitUntil("the token is requested", () => asked === 1);
  parley.reconnect();
  await reaches(lobby, "live");
  const { connection } = parley.welcome.getSnapshot()!;
  parley.reconnect();
  expect(parley.status.getSnapshot().state).toBe("connecting");
  await reaches(lobby, "live");
  expect(parley.welcome.getSnapshot()!.connection).not.toBe(connection);
  await parley.close();
});

test("09 a token function that never settles is reported, and called again", async () => {
  await using server = await startTestServer();
  const good = await server.token("ann");
  const timing = withoutPings();
  let asked = 0;
  const token = () => (asked++ === 0 ? new Promise<never>(() => {}) : good);
  const parley = connect({ url: server.url, token, timing });
  keepOpen(parley.conversation("lobby"));
  const error = next(parley, "error");
  await waitUntil("the token is requested", () => asked === 1);
  timing.advance(30_000);
  expect(await error).toMatchObject({ code: "token", message: "Error: token: no result after 30 s" });
  expect(await reaches(parley, "waiting")).toMatchObject({
    code: 1006,
    reason: "no token: token: no result after 30 s",
  });
  timing.advance(30_000);
  await reaches(parley, "live");
  await parley.close();
});

test("A2 an invalid token is not reported as another user's", async () => {
  await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
  const ann = await server.token("ann");
  const reasonAt = async (following: string | undefined) => {
    let token: string | undefined = ann;
    const timing = withoutPings();
    const parley = connect({ url: server.url, token: () => token, timing });
    keepOpen(parley.conversation("lobby"));
    await reaches(parley, "live");
    const { connection } = parley.welcome.getSnapshot()!;
    token = following;
    timing.advance(2_000);
    // The server refuses the first token from now on.
    await fetch(`${server.url}/test/faults`, {
      method: "POST",
      headers: { Authorization: `Bearer ${ann}` },
      body: JSON.stringify({ connection, fault: { do: "close", code: 4401 } }),
    });
    const { code, reason } = (await reaches(parley, "closed")) as Status & { state: "closed" };
    await parley.close();
    return [code, reason];
  };
  const nameless = `e30.${base64url({ plan: "free" })}.c2ln`;
  const reasons = await Promise.all(["abc", nameless, await server.token("ben"), undefined].map(reasonAt));
  expect(reasons).toEqual([
    [4401, "not a JWT with a user"],
    [4401, "not a JWT with a user"],
    [4401, "token of another user"],
    [4401, "signed out"],
  ]);
});

test("A2 a refused token is replaced; one that expires is renewed on the open line", async () => {
  await using server = await startTestServer({ env: { TEST_FAULTS: "true", TOKEN_LEEWAY: "0" } });
  const forged = `e30.${base64url({ sub: "ann" })}.e30`;
  const timing = withoutPings();
  // The server warns of its end half a minute before, which is half of its life.
  const tokens = [forged, await server.token("ann", { lifetime: 60 }), await server.token("ann")];
  let asked = 0;
  const traced: string[] = [];
  const trace = (direction: string, text: string) => traced.push(`${direction} ${JSON.parse(text).type}`);
  await using ann = await enter(server, "ann", { token: async () => tokens[asked++], trace, timing });
  expect([asked, ann.parley.user]).toEqual([2, "ann"]);
  await disturb(ann, { do: "jump", to: "token_expiring" });
  await waitUntil("the server warned", () => traced.includes("received warning"));
  timing.advance(14_000);
  expect(asked).toBe(2);
  timing.advance(2_000);
  await waitUntil("the new one is accepted", () => traced.includes("received token_accepted"));
  expect(asked).toBe(3);
});

test("the reason of a failed connection is the runtime's, if it gives one", async () => {
  const reasonOf = async (WebSocket?: Options["WebSocket"]) => {
    const token = `e30.${base64url({ sub: "ann" })}.c2ln`;
    const parley = connect({
      url: "http://127.0.0.1:1",
      token,
      timing: withoutPings(),
      ...(WebSocket && { WebSocket }),
    });
    keepOpen(parley.conversation("lobby"));
    const { code, reason } = (await reaches(parley, "waiting")) as Status & { state: "waiting" };
    await parley.close();
    return [code, reason];
  };
  /** Fails as the package `ws` does, or a browser. */
  const failing = (error: object, closes = true) =>
    class {
      readonly readyState = 0;
      onmessage = null;
      onclose: ((event: never) => void) | null = null;
      onerror: ((event: never) => void) | null = null;
      constructor() {
        queueMicrotask(() => {
          this.onerror?.(error as never);
          if (closes) this.onclose?.({ code: 1006, reason: "" } as never);
        });
      }
      send() {}
      close() {}
    };
  const unknown = "getaddrinfo ENOTFOUND www.example.com";
  expect(await reasonOf(failing({ message: unknown, error: new Error(unknown) }))).toEqual([1006, unknown]);
  // Both addresses of localhost refused.
  const refused = Object.assign(new AggregateError([]), { code: "ECONNREFUSED" });
  expect(await reasonOf(failing({ message: "", error: refused }))).toEqual([1006, "ECONNREFUSED"]);
  expect(await reasonOf(failing({}))).toEqual([1006, "connection lost"]);
  // Node 22 has no `close` after it.
  expect(await reasonOf(failing({ message: "no 101" }, false))).toEqual([1006, "no 101"]);
  // The runtime of this test.
  expect((await reasonOf())[1]).toContain("Failed to connect");
});

test("without a WebSocket `connect()` succeeds, and the line says what is missing", async () => {
  const { WebSocket } = globalThis;
  try {
    Reflect.deleteProperty(globalThis, "WebSocket");
    const parley = connect({ url: "http://127.0.0.1:1", token: `e30.${base64url({ sub: "ann" })}.c2ln` });
    const sending = parley
      .conversation("lobby")
      .send("hello")
      .catch((error) => error.message);
    expect(await sending).toContain("no WebSocket: use node --experimental-websocket");
  } finally {
    globalThis.WebSocket = WebSocket;
  }
});

describe("on a bad line", () => {
  test("D3 D4 cuts lose nothing, double nothing and change no order, in two conversations", async () => {
    await using server = await startTestServer({ env: { PLANS: "free:0:5", BURST_RATE: "0" } });
    await using proxy = await FaultProxy.start();
    proxy.target = server.port;
    const url = `http://127.0.0.1:${proxy.port}`;
    await using ann = await enter(server, "ann", { url, limits: { sendRate: 0 } });
    await using ben = await enter(server, "ben", { url });
    const count = 200;
    const names = ["lobby", "other"];
    const loops = names.map(async (name) => {
      const texts: string[] = [];
      for await (const { seq, text } of ben.parley.conversation(name)) {
        expect(seq).toBe(texts.length + 1);
        if (texts.push(text) === count) return texts;
      }
      return texts;
    });
    await reaches(ben.parley.conversation("other"), "live");
    const texts = Array.from({ length: count }, (_, index) => `message ${index + 1}`);
    const sendings = names.map((name) => texts.map((text) => ann.parley.conversation(name).send(text)));
    for (let cut = 1; cut <= 4; cut++) {
      await sendings[cut % 2]![cut * 40];
      const cuts = [ann, ben].map(({ parley }) => reaches(parley, "waiting"));
      for (const line of proxy.connections) line.reset();
      await Promise.all(cuts);
      for (const { parley } of [ann, ben]) parley.reconnect();
      await Promise.all([ann, ben].map(({ parley }) => reaches(parley, "live")));
    }
    for (const acks of await Promise.all(sendings.map((all) => Promise.all(all))))
      expect(acks.map(({ seq }) => seq)).toEqual(texts.map((_, index) => index + 1));
    expect(await Promise.all(loops)).toEqual([texts, texts]);
  });

  test("I3 a silent line is given up, and replaced", async () => {
    await using server = await startTestServer();
    await using proxy = await FaultProxy.start();
    proxy.target = server.port;
    const url = `http://127.0.0.1:${proxy.port}`;
    await using ann = await enter(server, "ann", { url, timing: { pingAfter: 50, pingAnswer: 100 } });
    const waiting = reaches(ann.parley, "waiting");
    for (const line of proxy.connections) line.inject("half-open", 0);
    const sending = ann.lobby.send("into the dark");
    expect(await waiting).toMatchObject({ reason: "no pong" });
    expect((await sending).seq).toBe(1);
  });

  test("a lost line ends the others' typing", async () => {
    await using server = await startTestServer();
    await using proxy = await FaultProxy.start();
    proxy.target = server.port;
    await using ann = await enter(server, "ann", { url: `http://127.0.0.1:${proxy.port}` });
    await using ben = await enter(server, "ben");
    const presence = watchPresence(ann.lobby);
    const end = presence.subscribe(() => {});
    ben.lobby.typing();
    await becomes(presence, ({ typing }) => typing.includes("ben"));
    for (const line of proxy.connections) line.reset();
    await becomes(presence, ({ typing }) => typing.length === 0);
    end();
  });

  test("L1 a stopping server names the time to reconnect", async () => {
    const server = await startTestServer();
    await using ann = await enter(server, "ann");
    const waiting = reaches(ann.parley, "waiting");
    await server.stop();
    expect(await waiting).toMatchObject({ reason: "restarting" });
  });

  test("D4 a saved place is where a later program resumes; D5 another epoch is reported", async () => {
    await using server = await startTestServer();
    const first = await enter(server, "ann");
    await first.lobby.send("one");
    await waitUntil("it arrived", () => first.lobby.place?.seq === 1);
    const { place } = first.lobby;
    await first.parley.close();
    await using ben = await enter(server, "ben");
    await ben.lobby.send("two");
    const later = connect({ url: server.url, token: await server.token("ann") });
    const lobby = later.conversation("lobby", { after: place });
    expect(await next(lobby, "message")).toMatchObject({ seq: 2, text: "two" });
    const other = later.conversation("other", { after: { seq: 12, epoch: "another" } });
    expect(await next(other, "lost")).toEqual({ epoch: expect.any(String) } as never);
    await later.close();
  });
});
