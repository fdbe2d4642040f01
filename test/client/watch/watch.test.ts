import { describe, expect, test } from "bun:test";
import { connect, type MessageList, watchMessages, watchPresence } from "../../../src/client/index.ts";
import { FaultProxy } from "../../delivery/fault-proxy.ts";
import { becomes, enter, reaches } from "../../support/clients/library.ts";
import { startTestServer } from "../../support/server/test-server.ts";

const textsOf = ({ entries }: MessageList) =>
  entries.map(({ state, text }) => (state === "stored" ? text : `${state} ${text}`));
const has =
  (...texts: string[]) =>
  (list: MessageList) =>
    textsOf(list).join() === texts.join();

describe("watchMessages", () => {
  test("MX7 begins with the newest messages, for nothing, and loads older ones", async () => {
    await using server = await startTestServer();
    await using ben = await enter(server, "ben");
    for (let number = 1; number <= 8; number++) await ben.lobby.send(`${number}`);
    const parley = connect({ url: server.url, token: await server.token("ann") });
    const list = watchMessages(parley.conversation("lobby"), { last: 3 });
    const end = list.subscribe(() => {});
    const first = await becomes(list, ({ status }) => status === "ready");
    expect([textsOf(first), first.hasOlder]).toEqual([["6", "7", "8"], true]);
    const { limit, remaining } = parley.quota.getSnapshot()!;
    expect(remaining).toBe(limit);
    await list.loadOlder();
    const all = list.getSnapshot();
    expect([textsOf(all), all.hasOlder]).toEqual([["1", "2", "3", "4", "5", "6", "7", "8"], false]);
    await ben.lobby.send("9");
    await becomes(list, ({ entries }) => entries.at(-1)?.text === "9");
    end();
    await parley.close();
  });

  test("shows an own message at once, and keeps a refused one until it is retried or discarded", async () => {
    await using server = await startTestServer();
    await using ann = await enter(server, "ann");
    const list = watchMessages(ann.lobby);
    const seen: string[][] = [];
    const end = list.subscribe((value) => seen.push(textsOf(value)));
    await becomes(list, ({ status }) => status === "ready");
    const sending = ann.lobby.send("hello", { id: "m1" });
    expect(list.getSnapshot().entries).toMatchObject([
      { key: "m1", state: "pending", own: true, text: "hello" },
    ]);
    await sending;
    expect(await becomes(list, has("hello"))).toMatchObject({ entries: [{ key: "m1", seq: 1, own: true }] });
    ann.lobby.send("", { id: "m2" }).catch(() => {});
    const failed = await becomes(list, has("hello", "failed "));
    const [, entry] = failed.entries;
    expect(entry!.error).toMatchObject({ code: "invalid" });
    list.retry(entry!);
    expect(textsOf(list.getSnapshot())).toEqual(["hello", "pending "]);
    list.discard((await becomes(list, has("hello", "failed "))).entries[1]!);
    expect(textsOf(list.getSnapshot())).toEqual(["hello"]);
    // Nothing held up the others.
    expect((await ann.lobby.send("next")).seq).toBe(2);
    end();
  });

  test("a message that waits for the line can be discarded", async () => {
    await using server = await startTestServer();
    await using proxy = await FaultProxy.start();
    proxy.target = server.port;
    await using ann = await enter(server, "ann", { url: `http://127.0.0.1:${proxy.port}` });
    const list = watchMessages(ann.lobby);
    const end = list.subscribe(() => {});
    await becomes(list, ({ status }) => status === "ready");
    for (const line of proxy.connections) line.reset();
    await becomes(list, ({ status }) => status === "stale");
    const sendings = ["one", "two"].map((text) => ann.lobby.send(text));
    list.discard(list.getSnapshot().entries[0]!);
    expect(await sendings[0]!.catch((error) => error)).toBe("cancelled");
    ann.parley.reconnect();
    expect((await sendings[1])!.seq).toBe(1);
    expect(textsOf(await becomes(list, has("two")))).toEqual(["two"]);
    end();
  });

  test("MX7 a return after a long absence brings the newest messages, and names what is between as a hole", async () => {
    await using server = await startTestServer({ env: { BURST_RATE: "0" } });
    await using ben = await enter(server, "ben", { limits: { sendRate: 0 } });
    const parley = connect({ url: server.url, token: await server.token("ann") });
    const lobby = parley.conversation("lobby");
    const list = watchMessages(lobby, { last: 2 });
    const end = list.subscribe(() => {});
    await ben.lobby.send("1");
    await becomes(list, has("1"));
    end();
    await reaches(lobby, "idle");
    expect(list.getSnapshot().status).toBe("stale");
    for (let number = 2; number <= 9; number++) await ben.lobby.send(`${number}`);
    const endAgain = list.subscribe(() => {});
    const back = await becomes(
      list,
      ({ status, entries }) => status === "ready" && entries.at(-1)?.text === "9",
    );
    expect([textsOf(back), back.hasOlder]).toEqual([["1", "8", "9"], true]);
    await list.loadOlder();
    expect(textsOf(list.getSnapshot())).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    endAgain();
    await parley.close();
  });

  test("loadAround() shows messages elsewhere; a conversation that is open already is read by a request", async () => {
    await using server = await startTestServer({ env: { BURST_RATE: "0", PLANS: "free:0:5" } });
    await using ben = await enter(server, "ben", { limits: { sendRate: 0 } });
    for (let number = 1; number <= 120; number++) await ben.lobby.send(`${number}`);
    await using ann = await enter(server, "ann");
    const list = watchMessages(ann.lobby, { last: 2 });
    const end = list.subscribe(() => {});
    await becomes(list, has("119", "120"));
    await list.loadAround(30);
    const seqs = list.getSnapshot().entries.map(({ seq }) => seq);
    expect([seqs[0], seqs.at(-3), seqs.at(-2), seqs.at(-1)]).toEqual([5, 55, 119, 120]);
    await list.loadOlder();
    await list.loadOlder();
    expect(list.getSnapshot().entries[0]!.seq).toBe(5);
    await list.loadOlder();
    expect(list.getSnapshot()).toMatchObject({ hasOlder: false, entries: { length: 120 } });

    // Long messages after it leave it in the page, and the beginning of the conversation is known as such.
    for (let n = 1; n <= 8; n++) await ben.lobby.send("x".repeat(60_000));
    const newest = watchMessages(ann.lobby, { last: 1 });
    const endNewest = newest.subscribe(() => {});
    await becomes(newest, ({ entries }) => entries.at(-1)?.seq === 128);
    await newest.loadAround(120);
    expect(newest.getSnapshot().entries.some(({ seq }) => seq === 120)).toBe(true);
    endNewest();
    end();
  });

  test("keeps the own read mark", async () => {
    await using server = await startTestServer();
    await using ben = await enter(server, "ben");
    await ben.lobby.send("1");
    await using ann = await enter(server, "ann");
    const list = watchMessages(ann.lobby);
    const end = list.subscribe(() => {});
    await becomes(list, has("1"));
    ann.lobby.read();
    expect(list.getSnapshot().read).toBe(1);
    end();
  });
});

describe("watchPresence", () => {
  test("lists who is present, with read marks, and who types", async () => {
    await using server = await startTestServer();
    await using ann = await enter(server, "ann");
    const presence = watchPresence(ann.lobby);
    const end = presence.subscribe(() => {});
    const ben = await enter(server, "ben");
    const names = (list: { present: readonly { user: string }[] }) =>
      list.present.map(({ user }) => user).sort();
    // The conversation was open already: who is there is read by a request.
    expect(names(await becomes(presence, (list) => list.count === 2))).toEqual(["ann", "ben"]);
    ben.lobby.typing();
    await becomes(presence, ({ typing }) => typing.join() === "ben");
    await ann.lobby.send("read me");
    ben.lobby.read(1);
    await becomes(presence, ({ present }) => present.some(({ user, read }) => user === "ben" && read === 1));
    await ben.parley.close();
    const left = await becomes(presence, (list) => !names(list).includes("ben"));
    expect([left.typing, left.count]).toEqual([[], left.present.length]);
    end();
  });
});
