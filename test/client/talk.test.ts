import { describe, expect, test } from "bun:test";
import { connect, type Options, watchMessages } from "../../src/client/index.ts";
import { becomes, enter, keepOpen, next, reaches } from "../support/clients/library.ts";
import { overrideEngine } from "../support/server/override-engine.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { ManualTiming } from "../support/time/manual-timing.ts";
import { waitUntil } from "../support/time/wait-until.ts";

/** Records the types of all frames, with their conversations. */
function recordFrames() {
  const frames: string[] = [];
  const trace: Options["trace"] = (direction, text) => {
    const { type, conversation, conversations } = JSON.parse(text);
    const names = conversations?.map((one: string | { conversation: string }) =>
      typeof one === "string" ? one : one.conversation,
    );
    frames.push([direction, type, conversation ?? names?.join("+")].filter(Boolean).join(" "));
  };
  return { frames, trace };
}

describe("one socket", () => {
  test("MX1 carries all conversations of a `connect()`; those of one turn are opened together", async () => {
    await using server = await startTestServer();
    const { frames, trace } = recordFrames();
    const parley = connect({ url: server.url, token: await server.token("ann"), trace });
    const [one, two] = ["one", "two"].map((name) => parley.conversation(name));
    keepOpen(one!);
    keepOpen(two!);
    await Promise.all([reaches(one!, "live"), reaches(two!, "live")]);
    const received = [next(one!, "message"), next(two!, "message")];
    await Promise.all([one!.send("to one"), two!.send("to two")]);
    expect((await Promise.all(received)).map((message) => (message as { text: string }).text)).toEqual([
      "to one",
      "to two",
    ]);
    expect(frames.slice(0, 2)).toEqual(["received welcome", "sent open one+two"]);
    expect(frames.filter((frame) => frame.includes("welcome"))).toHaveLength(1);
    await parley.close();
  });

  test("calling any function does nothing to the line; the same arguments give the same object", async () => {
    let asked = 0;
    const parley = connect({ url: "http://127.0.0.1:1", token: () => `${asked++}` });
    const lobby = parley.conversation("lobby");
    const list = watchMessages(lobby);
    expect(parley.conversation("lobby", { after: { seq: 1, epoch: "e" } })).toBe(lobby);
    expect(watchMessages(lobby)).toBe(list);
    expect(watchMessages(lobby, { last: 5 })).not.toBe(list as never);
    expect(list.getSnapshot()).toBe(list.getSnapshot());
    parley.status.subscribe(() => {});
    lobby.status.subscribe(() => {});
    lobby.facts.subscribe(() => {});
    await Bun.sleep(0);
    expect([asked, parley.status.getSnapshot().state, lobby.status.getSnapshot().state]).toEqual([
      0,
      "idle",
      "idle",
    ]);
  });

  test("MX3 a message is sent without an open conversation, and opens none", async () => {
    await using server = await startTestServer();
    const { frames, trace } = recordFrames();
    const parley = connect({ url: server.url, token: await server.token("ann"), trace });
    expect((await parley.conversation("lobby").send("hello")).seq).toBe(1);
    expect(frames).toEqual(["received welcome", "sent message lobby", "received ack lobby"]);
    await parley.close();
  });

  test("MX1 who begins to read and then writes, in one turn, reads what was written", async () => {
    await using server = await startTestServer();
    const parley = connect({ url: server.url, token: await server.token("ann") });
    for (const name of ["before the line is up", "and after"]) {
      const conversation = parley.conversation(name.replaceAll(" ", "-"));
      const iterator = conversation[Symbol.asyncIterator]();
      void conversation.send(name);
      expect((await iterator.next()).value).toMatchObject({ text: name });
      await iterator.return!();
    }
    await parley.close();
  });

  test("a conversation is closed one second after its last use", async () => {
    await using server = await startTestServer();
    const { frames, trace } = recordFrames();
    const parley = connect({ url: server.url, token: await server.token("ann"), trace });
    const lobby = parley.conversation("lobby");
    const end = keepOpen(lobby);
    await reaches(lobby, "live");
    end();
    // A page that changes its view uses it again at once.
    const endSecond = keepOpen(lobby);
    expect(lobby.status.getSnapshot()).toEqual({ state: "live" });
    endSecond();
    await reaches(lobby, "idle");
    await waitUntil("the server closed it", () => frames.includes("received closed lobby"));
    expect(frames.filter((frame) => frame.startsWith("sent"))).toEqual([
      "sent open lobby",
      "sent close lobby",
    ]);
    // Used again, it goes on where it was.
    await using ben = await enter(server, "ben");
    await ben.lobby.send("while closed");
    const message = next(lobby, "message");
    expect(await message).toMatchObject({ text: "while closed" });
    await parley.close();
  });

  test("M2 conversations that are left together are closed by one frame", async () => {
    await using server = await startTestServer();
    const { frames, trace } = recordFrames();
    const timing = Object.assign(new ManualTiming(), { pingAfter: 1e9 });
    const parley = connect({ url: server.url, token: await server.token("ann"), trace, timing });
    const all = Array.from({ length: 30 }, (_, number) => parley.conversation(`c${number}`));
    const ends = all.map(keepOpen);
    await Promise.all(all.map((one) => reaches(one, "live")));
    for (const end of ends) end();
    // The second after the last use, and then a moment for others.
    timing.advance(1_000);
    expect(all.map(({ status }) => status.getSnapshot().state)).toEqual(all.map(() => "idle"));
    timing.advance(100);
    const closings = frames.filter((frame) => frame.startsWith("sent close"));
    expect(closings).toEqual([`sent close ${all.map(({ id }) => id).join("+")}`]);
    await parley.close();
  });

  test("`after` counts until the conversation has a place of its own", async () => {
    await using server = await startTestServer();
    await using ben = await enter(server, "ben");
    for (const text of ["one", "two"]) await ben.lobby.send(text);
    const parley = connect({ url: server.url, token: await server.token("ann") });
    const lobby = parley.conversation("lobby");
    const { epoch } = ben.lobby.place!;
    expect(parley.conversation("lobby", { after: { seq: 1, epoch } })).toBe(lobby);
    expect(await next(lobby, "message")).toMatchObject({ text: "two" });
    parley.conversation("lobby", { after: { seq: 0, epoch } });
    expect(lobby.place).toEqual({ seq: 2, epoch, rev: 0 });
    await parley.close();
  });

  test("MX5 over the limit a conversation is closed, and opens when a place is free", async () => {
    await using server = await startTestServer({ env: { MAX_OPEN_CONVERSATIONS: "1" } });
    await using ann = await enter(server, "ann");
    const other = ann.parley.conversation("other");
    const closed = next(ann.parley, "closed");
    const list = watchMessages(other);
    const end = list.subscribe(() => {});
    expect(await reaches(other, "closed")).toMatchObject({ code: "too_many_conversations" });
    expect(await closed).toMatchObject({ conversation: "other", code: "too_many_conversations" });
    expect((await other.send("sending needs no place")).seq).toBe(1);
    // No place is free as long as the first one is open.
    await ann.lobby.send("still open");
    expect(other.status.getSnapshot()).toMatchObject({ state: "closed" });
    end();
    await ann.parley.close();
  });

  test("MX5 a place becomes free when another conversation is left", async () => {
    await using server = await startTestServer({ env: { MAX_OPEN_CONVERSATIONS: "1" } });
    const parley = connect({ url: server.url, token: await server.token("ann") });
    const [one, two] = ["one", "two"].map((name) => parley.conversation(name)) as [never, never];
    const end = keepOpen(one);
    await reaches(one, "live");
    keepOpen(two);
    await reaches(two, "closed");
    end();
    await reaches(two, "live");
    expect(parley.conversation("one").status.getSnapshot()).toEqual({ state: "idle" });
    await parley.close();
  });
});

describe("messages", () => {
  test("D1 D2 reach every reader once and in order, with the ack's `seq`", async () => {
    await using server = await startTestServer();
    await using ann = await enter(server, "ann");
    await using ben = await enter(server, "ben");
    const loop = (async () => {
      const texts: string[] = [];
      for await (const { seq, text } of ben.lobby) {
        expect(seq).toBe(texts.length + 1);
        if (texts.push(text) === 3) break;
      }
      return texts;
    })();
    const sending = ann.lobby.send("one", { id: "m1", data: { kind: "greeting" } });
    expect(sending.id).toBe("m1");
    expect(await sending).toMatchObject({ id: "m1", seq: 1 });
    await ann.lobby.send("two");
    await ann.lobby.send("three");
    expect(await loop).toEqual(["one", "two", "three"]);
    expect((await ben.lobby.history({ limit: 1, before: 2 })).messages).toMatchObject([
      { seq: 1, from: "ann", data: { kind: "greeting" } },
    ]);
    expect(ben.lobby.place).toMatchObject({ seq: 3 });
  });

  test("D3 one id is stored once; sending it twice gives one ack", async () => {
    await using server = await startTestServer();
    await using ann = await enter(server, "ann");
    const [first, second] = await Promise.all([
      ann.lobby.send("once", { id: "m1" }),
      ann.lobby.send("once", { id: "m1" }),
    ]);
    expect(second).toEqual(first);
    expect(await ann.lobby.send("once", { id: "m1" })).toMatchObject({ seq: 1, duplicate: true });
    // Ids are names within a conversation.
    expect(await ann.parley.conversation("other").send("another", { id: "m1" })).toMatchObject({ seq: 1 });
  });

  test("refusals reject their promise with a code, and hold up nothing", async () => {
    await using server = await startTestServer();
    await using ann = await enter(server, "ann", { limits: { pending: 4 } });
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

  test("Q4 over quota all outboxes wait, which `quota` says, and a message can be taken back", async () => {
    await using server = await startTestServer({ env: { PLANS: "free:2:5" } });
    await using ann = await enter(server, "ann");
    await ann.lobby.send("one");
    await ann.lobby.send("two");
    const { frames, trace } = recordFrames();
    await using again = await enter(server, "ann", { trace });
    const abort = new AbortController();
    const third = again.lobby.send("three", { signal: abort.signal });
    const quota = await becomes(again.parley.quota, (value) => value?.retry_after !== undefined);
    expect(quota?.retry_after).toBeGreaterThan(3_000);
    const other = again.parley.conversation("other").send("waits, too");
    abort.abort(new Error("never mind"));
    expect(third).rejects.toThrow("never mind");
    await again.parley.ping();
    expect(frames.filter((frame) => frame.startsWith("sent message"))).toEqual(["sent message lobby"]);
    await again.parley.close();
    expect(other).rejects.toMatchObject({ code: "closed" });
  });

  test("an unavailable store only delays, in all conversations", async () => {
    let refusals = 2;
    await using server = await startTestServer({
      wrapEngine: (engine) =>
        overrideEngine(engine, {
          post: (request, done) =>
            refusals-- > 0 ? done({ outcome: "unavailable" } as never) : engine.post(request, done),
        }),
    });
    await using ann = await enter(server, "ann");
    const acks = await Promise.all([
      ann.lobby.send("one"),
      ann.lobby.send("two"),
      ann.parley.conversation("other").send("three"),
    ]);
    expect(acks.map(({ seq }) => seq)).toEqual([1, 2, 1]);
  });

  test("typing, read marks and the round trip", async () => {
    await using server = await startTestServer();
    await using ann = await enter(server, "ann");
    await using ben = await enter(server, "ben");
    const typing = next(ann.lobby, "typing");
    ben.lobby.typing();
    ben.lobby.typing();
    expect(await typing).toEqual({ user: "ben", active: true } as never);
    const arrived = next(ben.lobby, "message");
    await ann.lobby.send("read me");
    await arrived;
    const read = next(ann.lobby, "read");
    ben.lobby.read();
    expect(await read).toEqual({ user: "ben", seq: 1 } as never);
    expect(await ann.parley.ping()).toBeGreaterThan(0);
  });

  test("HTTP requests have the base address, the token and the server's errors", async () => {
    await using server = await startTestServer();
    await using ann = await enter(server, "ann");
    await ann.lobby.send("one");
    const page = await ann.parley.request<{ messages: object[] }>(
      "GET",
      "/conversations/lobby/messages?limit=1",
    );
    expect(page.messages).toMatchObject([{ seq: 1, text: "one" }]);
    expect(ann.parley.request("GET", "/nothing")).rejects.toMatchObject({
      name: "ParleyError",
      code: "not_found",
    });
    const away = connect({ url: "http://127.0.0.1:1", token: "t" });
    expect(away.request("GET", "/inbox")).rejects.toMatchObject({ code: "unavailable" });
  });

  test("after close() requests reject, and loops end", async () => {
    await using server = await startTestServer();
    const { parley, lobby } = await enter(server, "ann");
    const loop = (async () => {
      for await (const _ of lobby);
      return "over";
    })();
    await parley.close();
    expect(await loop).toBe("over");
    expect(lobby.send("late")).rejects.toMatchObject({ code: "closed" });
    expect(parley.status.getSnapshot()).toEqual({
      state: "closed",
      code: 1000,
      reason: "closed here",
      advice: "reconnect",
    });
  });
});
