import { describe, expect, test } from "bun:test";
import { REPLY_TIMEOUT_MS } from "../../../../src/client/options.ts";
import {
  connect,
  type Options,
  type Pending,
  type State,
} from "../../../../src/console/client/one/connect.ts";
import { FaultProxy } from "../../../delivery/fault-proxy.ts";
import { startTestServer, type TestServer } from "../../../support/server/test-server.ts";
import { base64url } from "../../../support/server/tokens.ts";
import { ManualTiming } from "../../../support/time/manual-timing.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { joinWithLibrary, nextEvent, waitForState } from "./client-library.ts";

/** Has the server do something to the connection of `conversation`. */
async function disturb(
  server: TestServer,
  { lobby }: Awaited<ReturnType<typeof joinWithLibrary>>,
  fault: object,
): Promise<void> {
  const answer = await fetch(`${server.url}/test/faults`, {
    method: "POST",
    headers: { Authorization: `Bearer ${await server.token(lobby.user!)}` },
    body: JSON.stringify({ connection: lobby.welcome!.connection, fault }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

test("W5 31 a refused second tab connects when the first one closes, and its messages are sent", async () => {
  // ann's plan allows one connection.
  await using server = await startTestServer({ env: { PLANS: "free:100:1" } });
  const first = await joinWithLibrary(server, "ann");
  const timing = new ManualTiming();
  const second = connect({ url: server.url, token: await server.token("ann"), timing });
  const lobby = second.conversation("lobby");
  const errors: string[] = [];
  lobby.on("error", ({ code }) => errors.push(code));
  const refused = await waitForState(lobby, "waiting");
  expect([refused.code, refused.reason]).toEqual([4409, "too many connections"]);
  const sending = lobby.send("written while refused", { id: "m1" });
  timing.advance(10_000);
  await waitForState(lobby, "connecting");
  await waitForState(lobby, "waiting");
  expect(lobby.pending).toEqual([{ id: "m1", text: "written while refused" }]);
  await first.parley.close();
  timing.advance(10_000);
  expect((await sending).seq).toBe(1);
  expect(errors).toEqual([]);
  await second.close();
});

test("two conversations of one user in one page, or two of one name, do not replace each other", async () => {
  await using server = await startTestServer();
  await using one = await joinWithLibrary(server, "ann");
  await using two = await joinWithLibrary(server, "ann");
  const message = nextEvent(one.lobby, "message");
  await two.lobby.send("both are there");
  expect((await message).text).toBe("both are there");
  expect([one.lobby.status.state, two.lobby.status.state]).toEqual(["live", "live"]);
});

test("31 a client keeps its name over reconnects, and another client has another", async () => {
  await using server = await startTestServer();
  const names: (string | null)[] = [];
  class Watched extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      names.push(new URL(url).searchParams.get("client"));
    }
  }
  await using one = await joinWithLibrary(server, "ann", { WebSocket: Watched });
  one.lobby.reconnect();
  await waitForState(one.lobby, "live");
  await using _two = await joinWithLibrary(server, "ann", { WebSocket: Watched });
  const [first, again, other] = names;
  expect(first).toMatch(/^[A-Za-z0-9._-]{8,64}$/);
  expect([again === first, other === first]).toEqual([true, false]);
});

test.each([
  [4410, "replaced", "reconnect"],
  [4404, "removed", "change"],
  [4403, "forbidden", "change"],
])("after %d a conversation is closed", async (code, reason, advice) => {
  await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
  await using ann = await joinWithLibrary(server, "ann");
  const states: State[] = [];
  ann.lobby.on("status", (state) => states.push(state));
  await disturb(server, ann, { do: "close", code });
  await waitForState(ann.lobby, "closed");
  expect(states).toEqual([{ state: "closed", code, reason, advice }] as State[]);
  expect(ann.lobby.send("again")).rejects.toMatchObject({ code: "closed" });
});

test("MB6 unsent messages of a removed conversation are not kept", async () => {
  await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
  const places = new Map<string, readonly Pending[]>();
  const storage = {
    load: (key: string) => places.get(key) ?? [],
    save: (key: string, pending: readonly Pending[]) => void places.set(key, pending),
  };
  await using ann = await joinWithLibrary(server, "ann", { storage });
  await disturb(server, ann, { do: "lose", next: "ack", count: 1 });
  const sending = ann.lobby.send("is it stored?", { id: "m1" });
  await nextEvent(ann.lobby, "message");
  await waitUntil("it is kept", () => places.get("ann/lobby")?.length === 1);
  await disturb(server, ann, { do: "close", code: 4404 });
  expect(sending).rejects.toMatchObject({ code: "closed" });
  await waitForState(ann.lobby, "closed");
  await ann.parley.close();
  expect([places.get("ann/lobby"), ann.lobby.pending]).toEqual([[], []]);
});

test("10 27 a loop continues after a close for inactivity, once something is sent", async () => {
  await using server = await startTestServer({ env: { INACTIVITY_TIMEOUT: "1" } });
  await using ann = await joinWithLibrary(server, "ann");
  const received: string[] = [];
  const loop = (async () => {
    for await (const { text } of ann.lobby) {
      received.push(text);
      if (text === "two") return;
    }
  })();
  await ann.lobby.send("one");
  await waitForState(ann.lobby, "closed");
  await using ben = await joinWithLibrary(server, "ben");
  await ben.lobby.send("sent meanwhile");
  await ann.lobby.send("two");
  await loop;
  expect(received).toEqual(["one", "sent meanwhile", "two"]);
});

test("D3 a missing ack ends the connection after a while, and the message is stored once", async () => {
  await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
  const timing = new ManualTiming();
  await using ann = await joinWithLibrary(server, "ann", { timing, pingAfter: 1e9 });
  await disturb(server, ann, { do: "lose", next: "ack", count: 1 });
  const received = nextEvent(ann.lobby, "message");
  const sending = ann.lobby.send("where is my ack?");
  await received;
  const waiting = nextEvent(ann.lobby, "status");
  timing.advance(REPLY_TIMEOUT_MS - 1);
  expect(ann.lobby.status.state).toBe("live");
  timing.advance(1);
  expect(await waiting).toMatchObject({ state: "waiting", code: 1006, reason: "no reply" });
  timing.advance(30_000);
  expect(await sending).toMatchObject({ seq: 1, duplicate: true });
});

test("09 reconnect() starts over in any state of waiting", async () => {
  await using server = await startTestServer();
  const good = await server.token("ann");
  const timing = new ManualTiming();
  let asked = 0;
  const token = () => (asked++ === 0 ? new Promise<never>(() => {}) : good);
  const parley = connect({ url: server.url, token, timing });
  const lobby = parley.conversation("lobby");
  await waitUntil("the token is requested", () => asked === 1);
  lobby.reconnect();
  await waitForState(lobby, "live");
  const { connection } = lobby.welcome!;
  lobby.reconnect();
  expect(lobby.status.state).toBe("connecting");
  await waitForState(lobby, "live");
  expect(lobby.welcome!.connection).not.toBe(connection);
  await parley.close();
});

test("09 a token function that never settles is reported, and called again", async () => {
  await using server = await startTestServer();
  const good = await server.token("ann");
  const timing = new ManualTiming();
  let asked = 0;
  const token = () => (asked++ === 0 ? new Promise<never>(() => {}) : good);
  const parley = connect({ url: server.url, token, timing });
  const lobby = parley.conversation("lobby");
  const error = nextEvent(lobby, "error");
  await waitUntil("the token is requested", () => asked === 1);
  timing.advance(30_000);
  expect(await error).toMatchObject({ code: "token", message: "Error: token: no result after 30 s" });
  expect(await waitForState(lobby, "waiting")).toMatchObject({
    code: 1006,
    reason: "no token: token: no result after 30 s",
  });
  timing.advance(30_000);
  await waitForState(lobby, "live");
  await parley.close();
});

test.each([
  [new Error("the sign-in page is down"), "the sign-in page is down"],
  ["a text", "a text"],
  [undefined, "undefined"],
])("a token function that throws %p is seen in the status, too", async (thrown, message) => {
  const token = () => {
    throw thrown;
  };
  const parley = connect({ url: "http://127.0.0.1:1", token, timing: new ManualTiming() });
  const waiting = await waitForState(parley.conversation("lobby"), "waiting");
  expect([waiting.code, waiting.reason]).toEqual([1006, `no token: ${message}`]);
  await parley.close();
});

test("an invalid token is not reported as another user's", async () => {
  await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
  const ann = await server.token("ann");
  const reasonAt = async (next: string | undefined) => {
    let token: string | undefined = ann;
    const timing = new ManualTiming();
    const parley = connect({ url: server.url, token: () => token, timing });
    const lobby = parley.conversation("lobby");
    await waitForState(lobby, "live");
    token = next;
    timing.advance(2_000);
    // The server refuses the first token from now on.
    await disturb(server, { lobby } as never, { do: "close", code: 4401 });
    const { code, reason } = await waitForState(lobby, "closed");
    await parley.close();
    return [code, reason];
  };
  const nobodys = `e30.${base64url({ plan: "free" })}.c2ln`;
  const reasons = await Promise.all(["abc", nobodys, await server.token("ben"), undefined].map(reasonAt));
  expect(reasons).toEqual([
    [4401, "not a JWT with a user"],
    [4401, "not a JWT with a user"],
    [4401, "token of another user"],
    [4401, "signed out"],
  ]);
});

test("the reason of a failed connection is the runtime's, if it gives one", async () => {
  const reasonOf = async (WebSocket?: Options["WebSocket"]) => {
    const url = "http://127.0.0.1:1";
    const token = `e30.${base64url({ sub: "ann" })}.c2ln`;
    const parley = connect({ url, token, timing: new ManualTiming(), ...(WebSocket && { WebSocket }) });
    const { code, reason } = await waitForState(parley.conversation("lobby"), "waiting");
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

test("01 a clock that is set back delays nothing", async () => {
  await using server = await startTestServer();
  await using ann = await joinWithLibrary(server, "ann");
  await ann.lobby.send("before");
  const real = Date.now;
  try {
    Date.now = () => real() - 600_000;
    expect((await ann.lobby.send("after")).seq).toBe(2);
    const joined = waitForState(ann.lobby, "live");
    ann.lobby.reconnect();
    await joined;
    expect((await ann.lobby.send("and once more")).seq).toBe(3);
  } finally {
    Date.now = real;
  }
});

test("a lost connection ends the others' typing", async () => {
  await using server = await startTestServer();
  await using proxy = await FaultProxy.start();
  proxy.target = server.port;
  await using ann = await joinWithLibrary(server, "ann", { url: `http://127.0.0.1:${proxy.port}` });
  await using ben = await joinWithLibrary(server, "ben");
  const began = nextEvent(ann.lobby, "typing");
  ben.lobby.typing(true);
  expect(await began).toEqual({ user: "ben", active: true } as never);
  const ended = nextEvent(ann.lobby, "typing");
  for (const line of proxy.connections) line.reset();
  expect(await ended).toEqual({ user: "ben", active: false } as never);
});

test("after close() no conversation can be opened", async () => {
  await using server = await startTestServer();
  const { parley } = await joinWithLibrary(server, "ann");
  await parley.close();
  expect(() => parley.conversation("lobby")).toThrow(expect.objectContaining({ code: "closed" }));
});

test("without a WebSocket connect() succeeds, and conversation() explains what is missing", () => {
  const { WebSocket } = globalThis;
  try {
    Reflect.deleteProperty(globalThis, "WebSocket");
    const parley = connect({ url: "http://127.0.0.1:1", token: "t" });
    expect(() => parley.conversation("lobby")).toThrow(/^No WebSocket: use node --experimental-websocket/);
  } finally {
    globalThis.WebSocket = WebSocket;
  }
});

describe("MX7 the newest messages at the start", () => {
  test("come once, as a page of their own, before later messages; and cost nothing", async () => {
    await using server = await startTestServer();
    await using ben = await joinWithLibrary(server, "ben");
    for (const text of ["one", "two", "three"]) await ben.lobby.send(text);
    const parley = connect({ url: server.url, token: await server.token("ann") });
    const lobby = parley.conversation("lobby", { last: 2 });
    const received: string[] = [];
    lobby.on("history", ({ messages, more }) => received.push(`${messages.map(({ text }) => text)} ${more}`));
    lobby.on("message", ({ text }) => received.push(text));
    await waitForState(lobby, "live");
    const { limit, remaining } = lobby.welcome!.quota!;
    const ack = await lobby.send("four");
    expect([received, ack.quota!.remaining]).toEqual([["two,three true", "four"], limit - 1]);
    expect(remaining).toBe(limit);
    // Once: after a cut, missed messages come as messages.
    lobby.reconnect();
    await waitForState(lobby, "live");
    await lobby.send("five");
    expect(received).toEqual(["two,three true", "four", "five"]);
    await parley.close();
  });

  test("come on the next connection, if the first one was cut before them", async () => {
    await using server = await startTestServer();
    await using ben = await joinWithLibrary(server, "ben");
    await ben.lobby.send("one");
    let sockets = 0;
    // The first connection delivers nothing after its welcome, like one that is cut there.
    class CutAfterWelcome extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        if (++sockets > 1) return;
        let received = 0;
        this.addEventListener("message", (event) => {
          if (++received > 1) event.stopImmediatePropagation();
        });
      }
    }
    const parley = connect({ url: server.url, token: await server.token("ann"), WebSocket: CutAfterWelcome });
    const lobby = parley.conversation("lobby", { last: 5 });
    const received: string[] = [];
    lobby.on("history", ({ messages }) => received.push(`page ${messages.map(({ text }) => text)}`));
    lobby.on("message", ({ text }) => received.push(text));
    lobby.on("lost", (lost) => received.push(`lost ${JSON.stringify(lost)}`));
    await waitForState(lobby, "live");
    await ben.lobby.send("two");
    lobby.reconnect();
    await waitForState(lobby, "live");
    await ben.lobby.send("three");
    await waitUntil("it is received", () => received.includes("three"));
    expect(received).toEqual(["page one,two", "three"]);
    await parley.close();
  });
});
