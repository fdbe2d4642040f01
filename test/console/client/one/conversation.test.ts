import { describe, expect, test } from "bun:test";
import { connect, type Message, type Pending } from "../../../../src/console/client/one/connect.ts";
import { FaultProxy } from "../../../delivery/fault-proxy.ts";
import { overrideEngine } from "../../../support/server/override-engine.ts";
import { startTestServer } from "../../../support/server/test-server.ts";
import { ManualTiming } from "../../../support/time/manual-timing.ts";
import { joinWithLibrary, nextEvent, waitForState } from "./client-library.ts";

describe("posting", () => {
  test.each([".", ".."])(
    "W1 the name %p, which no address can contain, is rejected with a reason and without connecting",
    async (name) => {
      await using server = await startTestServer();
      const token = await server.token("ann");
      const parley = connect({ url: server.url, token });
      const conversation = parley.conversation(name);
      const sent = await conversation.send("hello").catch((error) => error);
      expect(sent).toMatchObject({ code: "closed" });
      expect(conversation.status).toMatchObject({ state: "closed", code: 4400, reason: "bad address" });

      await parley.close();
    },
  );

  test("D1 D2 simultaneous messages are acked in order, and a loop receives them in order", async () => {
    await using server = await startTestServer();
    await using ann = await joinWithLibrary(server, "ann");
    await using ben = await joinWithLibrary(server, "ben");
    const texts = Array.from({ length: 25 }, (_, index) => `message ${index}`);
    const received = (async () => {
      const messages: Message[] = [];
      for await (const message of ben.lobby) if (messages.push(message) === texts.length) return messages;
      return [];
    })();
    const sendings = texts.map((text) => ann.lobby.send(text, { data: { text } }));
    expect(ann.lobby.pending.map(({ id }) => id)).toEqual(sendings.map(({ id }) => id));
    const acks = await Promise.all(sendings);
    expect(acks.map(({ seq }) => seq)).toEqual(texts.map((_, index) => index + 1));
    const messages = await received;
    expect(messages.map(({ text }) => text)).toEqual(texts);
    expect(messages[3]).toMatchObject({ from: "ann", id: sendings[3]!.id, data: { text: "message 3" } });
    expect(ann.lobby.pending).toEqual([]);
  });

  test("D3 the same id twice is one message and one promise", async () => {
    await using server = await startTestServer();
    await using ann = await joinWithLibrary(server, "ann");
    const [first, second] = await Promise.all([
      ann.lobby.send("once", { id: "m1" }),
      ann.lobby.send("once", { id: "m1" }),
    ]);
    expect(second).toEqual(first);
    expect(await ann.lobby.send("once", { id: "m1" })).toMatchObject({ seq: 1, duplicate: true });
  });

  test("presence, typing and read marks", async () => {
    await using server = await startTestServer();
    await using ann = await joinWithLibrary(server, "ann");
    const joined = nextEvent(ann.lobby, "presence", ({ user }) => user === "ben");
    await using ben = await joinWithLibrary(server, "ben");
    expect(await joined).toMatchObject({ user: "ben", state: "joined" });
    expect(ann.lobby.present.map(({ user }) => user).sort()).toEqual(["ann", "ben"]);
    const typing = nextEvent(ann.lobby, "typing");
    ben.lobby.typing(true);
    ben.lobby.typing(true);
    expect(await typing).toMatchObject({ user: "ben", active: true });
    await ann.lobby.send("read me");
    const read = nextEvent(ann.lobby, "read");
    ben.lobby.read(1);
    expect(await read).toMatchObject({ user: "ben", seq: 1 });
    expect(ann.lobby.present.find(({ user }) => user === "ben")).toMatchObject({ read: 1 });
    const left = nextEvent(ann.lobby, "presence");
    await ben.parley.close();
    expect(await left).toMatchObject({ user: "ben", state: "left" });
  });

  test("the first connection reports every present user, oneself included; a later one the difference", async () => {
    await using server = await startTestServer();
    await using _ben = await joinWithLibrary(server, "ben");
    const parley = connect({ url: server.url, token: await server.token("ann") });
    const lobby = parley.conversation("lobby");
    const received: string[] = [];
    lobby.on("presence", ({ user, state }) => received.push(`${user} ${state}`));
    await waitForState(lobby, "live");
    await lobby.send("a message");
    expect(received.sort()).toEqual(["ann joined", "ben joined"]);
    lobby.reconnect();
    await waitForState(lobby, "live");
    expect(received.sort()).toEqual(["ann joined", "ben joined"]);
    await parley.close();
  });

  test("data alone is sent with an empty text", async () => {
    await using server = await startTestServer();
    await using ann = await joinWithLibrary(server, "ann");
    const { seq, at } = await ann.lobby.send("", { id: "m1", data: { kind: "wave" } });
    expect((await ann.lobby.history()).messages).toEqual([
      { seq, id: "m1", from: "ann", text: "", data: { kind: "wave" }, at },
    ]);
    expect(ann.lobby.send("")).rejects.toMatchObject({ code: "invalid" });
  });

  test("history in both directions, and the round-trip time is measured", async () => {
    await using server = await startTestServer();
    await using ann = await joinWithLibrary(server, "ann");
    for (const text of ["one", "two", "three"]) await ann.lobby.send(text);
    const { messages, more } = await ann.lobby.history({ limit: 2 });
    expect([messages.map(({ text }) => text), more]).toEqual([["two", "three"], true]);
    expect((await ann.lobby.history({ after: 1, limit: 1 })).messages[0]?.text).toBe("two");
    expect((await ann.lobby.history({ before: 2 })).messages.map(({ text }) => text)).toEqual(["one"]);
    expect(await ann.lobby.ping()).toBeGreaterThan(0);
  });
});

describe("refusals", () => {
  test("of a message reject its promise with a code, and do not affect the others", async () => {
    await using server = await startTestServer();
    await using ann = await joinWithLibrary(server, "ann", { maxPending: 4 });
    const refused = [
      ann.lobby.send(""),
      ann.lobby.send("x".repeat(70_000)),
      ann.lobby.send("good", { id: "naïve" }),
      ann.lobby.send("good", { data: { big: 1n } }),
    ].map((sending) => sending.catch((error) => error.code));
    expect(await Promise.all(refused)).toEqual(["invalid", "too_large", "invalid", "invalid"]);
    const many = Array.from({ length: 5 }, () => ann.lobby.send("many"));
    expect(many.at(-1)).rejects.toMatchObject({ code: "outbox_full" });
    expect((await many[3]!).seq).toBe(4);
  });

  test("Q4 over quota a message waits in its place, is reported, and can be taken back", async () => {
    await using server = await startTestServer({ env: { PLANS: "free:2:5" } });
    await using ann = await joinWithLibrary(server, "ann");
    await ann.lobby.send("one");
    await ann.lobby.send("two");
    const quota = nextEvent(ann.lobby, "quota", (notice) => notice?.retry_after !== undefined);
    const abort = new AbortController();
    const third = ann.lobby.send("three", { signal: abort.signal });
    expect((await quota)?.retry_after).toBeGreaterThan(3_500);
    expect(ann.lobby.pending.map(({ text }) => text)).toEqual(["three"]);
    abort.abort(new Error("never mind"));
    expect(third).rejects.toThrow("never mind");
    expect(ann.lobby.pending).toEqual([]);
  });

  test("an unavailable store only delays", async () => {
    let refusals = 2;
    await using server = await startTestServer({
      wrapEngine: (engine) =>
        overrideEngine(engine, {
          post: (request, done) =>
            refusals-- > 0 ? done({ outcome: "unavailable" } as never) : engine.post(request, done),
        }),
    });
    await using ann = await joinWithLibrary(server, "ann");
    expect((await Promise.all([ann.lobby.send("one"), ann.lobby.send("two")])).map(({ seq }) => seq)).toEqual(
      [1, 2],
    );
  });

  test("a final close ends waiting requests with the reason", async () => {
    await using server = await startTestServer();
    const parley = connect({ url: server.url, token: await server.token("ann"), user: "other" });
    const lobby = parley.conversation("lobby");
    const sending = lobby.send("hello");
    const loop = (async () => {
      for await (const _ of lobby);
    })();
    const faults = [sending, loop].map((promise) => promise.catch((error) => error.code));
    expect(await Promise.all(faults)).toEqual(["closed", "closed"]);
    expect(lobby.status).toMatchObject({ code: 4403, reason: "forbidden", advice: "change" });
    expect(lobby.send("again")).rejects.toMatchObject({ code: "closed" });
  });
});

describe("tokens", () => {
  test("A2 a refused token is replaced", async () => {
    await using server = await startTestServer();
    const forged = `e30.${btoa(JSON.stringify({ sub: "ann" })).replaceAll("=", "")}.e30`;
    const tokens = [forged, await server.token("ann")];
    let asked = 0;
    await using ann = await joinWithLibrary(server, "ann", { token: async () => tokens[asked++] });
    expect([asked, ann.lobby.user]).toEqual([2, "ann"]);
  });

  test("A2 29 an expiring token is renewed on the open connection, after three quarters of its life", async () => {
    await using server = await startTestServer({ env: { TEST_FAULTS: "true", TOKEN_LEEWAY: "0" } });
    const timing = new ManualTiming();
    // The server warns of it half a minute before its end, which is half of its life.
    const tokens = [await server.token("ann", { lifetime: 60 }), await server.token("ann")];
    let asked = 0;
    const traced: string[] = [];
    const accepted = Promise.withResolvers<void>();
    const warned = Promise.withResolvers<void>();
    const trace = (direction: string, text: string) => {
      traced.push(`${direction} ${JSON.parse(text).type}`);
      if (text.includes("token_accepted")) accepted.resolve();
      if (text.includes("token_expiring")) queueMicrotask(warned.resolve);
    };
    const token = async () => tokens[asked++];
    await using ann = await joinWithLibrary(server, "ann", { token, trace, timing, pingAfter: 1e9 });
    await fetch(`${server.url}/test/faults`, {
      method: "POST",
      headers: { Authorization: `Bearer ${await server.token("ann")}` },
      body: JSON.stringify({
        connection: ann.lobby.welcome!.connection,
        fault: { do: "jump", to: "token_expiring" },
      }),
    });
    await warned.promise;
    timing.advance(14_000);
    expect(asked).toBe(1);
    timing.advance(2_000);
    await accepted.promise;
    expect(traced).toEqual(["received welcome", "received warning", "received token_accepted"]);
  });

  test("A2 without another token the conversation is closed; a function that throws is called again", async () => {
    await using server = await startTestServer();
    const out = connect({ url: server.url, token: () => undefined }).conversation("lobby");
    await waitForState(out, "closed");
    expect(out.status).toMatchObject({ code: 4401, reason: "signed out", advice: "sign_in" });
    const good = await server.token("ann");
    let asked = 0;
    const token = () => {
      if (asked++ === 0) throw new Error("the network is away");
      return good;
    };
    await using ann = await joinWithLibrary(server, "ann", { token });
    expect([asked, ann.lobby.user]).toEqual([2, "ann"]);
  });
});

describe("on a bad connection", () => {
  test("D3 D4 cuts lose nothing, double nothing and change no order", async () => {
    await using server = await startTestServer({ env: { PLANS: "free:0:5", BURST_RATE: "0" } });
    await using proxy = await FaultProxy.start();
    proxy.target = server.port;
    const url = `http://127.0.0.1:${proxy.port}`;
    await using ann = await joinWithLibrary(server, "ann", { url, sendRate: 0 });
    await using ben = await joinWithLibrary(server, "ben", { url });
    const count = 300;
    let received = 0;
    const loop = (async () => {
      const seqs: number[] = [];
      for await (const { seq, text } of ben.lobby) {
        expect(text).toBe(`message ${++received}`);
        if (seqs.push(seq) === count) return seqs;
      }
      return [];
    })();
    const sendings = Array.from({ length: count }, (_, index) => ann.lobby.send(`message ${index + 1}`));
    for (let cut = 1; cut <= 4; cut++) {
      await sendings[cut * 50];
      const cuts = [ann, ben].map(({ lobby }) => waitForState(lobby, "waiting"));
      for (const line of proxy.connections) line.reset();
      await Promise.all(cuts);
      for (const { lobby } of [ann, ben]) lobby.reconnect();
      await Promise.all([ann, ben].map(({ lobby }) => waitForState(lobby, "live")));
    }
    const acks = await Promise.all(sendings);
    expect(acks.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    expect(await loop).toEqual(acks.map(({ seq }) => seq));
  });

  test("I3 a silent connection is given up, and replaced", async () => {
    await using server = await startTestServer();
    await using proxy = await FaultProxy.start();
    proxy.target = server.port;
    const url = `http://127.0.0.1:${proxy.port}`;
    await using ann = await joinWithLibrary(server, "ann", { url, pingAfter: 50, pingAnswer: 100 });
    const waiting = waitForState(ann.lobby, "waiting");
    for (const line of proxy.connections) line.inject("half-open", 0);
    const sending = ann.lobby.send("into the dark");
    expect(await waiting).toMatchObject({ reason: "no pong" });
    expect((await sending).seq).toBe(1);
  });

  test("L1 a stopping server names the time to reconnect", async () => {
    const server = await startTestServer();
    await using ann = await joinWithLibrary(server, "ann");
    const waiting = waitForState(ann.lobby, "waiting");
    await server.stop();
    expect(await waiting).toMatchObject({ reason: "restarting", firm: true });
  });

  test("D4 a saved position is where a later program resumes", async () => {
    await using server = await startTestServer();
    const first = await joinWithLibrary(server, "ann");
    await first.lobby.send("one");
    const { position } = first.lobby;
    await first.parley.close();
    await using ben = await joinWithLibrary(server, "ben");
    await ben.lobby.send("two");
    const later = connect({ url: server.url, token: await server.token("ann") });
    const lobby = later.conversation("lobby", { from: position! });
    expect(await nextEvent(lobby, "message")).toMatchObject({ seq: 2, text: "two" });
    await later.close();
  });

  test("D5 another epoch of the store is reported", async () => {
    await using server = await startTestServer();
    const parley = connect({ url: server.url, token: await server.token("ann") });
    const lobby = parley.conversation("lobby", { from: { seq: 12, epoch: "another" } });
    expect(await nextEvent(lobby, "lost")).toEqual({ epoch: expect.any(String) });
    await parley.close();
  });

  test("I1 after a close for inactivity, a message opens the conversation again", async () => {
    await using server = await startTestServer({ env: { INACTIVITY_TIMEOUT: "1" } });
    await using ann = await joinWithLibrary(server, "ann");
    await waitForState(ann.lobby, "closed");
    expect(ann.lobby.status).toMatchObject({ code: 4408, advice: "reconnect" });
    expect((await ann.lobby.send("I am back")).seq).toBe(1);
  });
});

describe("storage", () => {
  test("a message that was not acked before the program ended is sent by the next one", async () => {
    await using server = await startTestServer();
    const kept = new Map<string, readonly Pending[]>();
    const storage = {
      load: async (key: string) => kept.get(key) ?? [],
      save: async (key: string, pending: readonly Pending[]) => void kept.set(key, pending),
    };
    const token = await server.token("ann");
    // The port is closed, so that nothing is acked.
    const dead = connect({ url: "http://127.0.0.1:1", token, storage });
    const lobby = dead.conversation("lobby");
    await waitForState(lobby, "waiting");
    const refusal = lobby.send("before the tab was closed", { id: "m1" }).catch((error) => error.code);
    await dead.close();
    expect(await refusal).toBe("closed");
    expect(kept.get("ann/lobby")).toEqual([{ id: "m1", text: "before the tab was closed" }]);
    await using ben = await joinWithLibrary(server, "ben");
    const message = nextEvent(ben.lobby, "message");
    const second = await joinWithLibrary(server, "ann", { storage });
    expect(await message).toMatchObject({ id: "m1", from: "ann" });
    await second.lobby.send("and after it");
    await second.parley.close();
    expect(kept.get("ann/lobby")).toEqual([]);
  });

  test("a failing storage is reported, and is not overwritten", async () => {
    await using server = await startTestServer();
    const storage = {
      load: () => Promise.reject(new Error("the disk is away")),
      save: () => {
        throw new Error("written over");
      },
    };
    const parley = connect({ url: server.url, token: await server.token("ann"), storage });
    const lobby = parley.conversation("lobby");
    const errors: string[] = [];
    lobby.on("error", ({ code, message }) => errors.push(`${code} ${message}`));
    expect((await lobby.send("all the same")).seq).toBe(1);
    // The place of this user, and that of messages from before a user was known.
    expect(errors).toEqual(Array(2).fill("storage Error: the disk is away"));
    await parley.close();
  });
});
