import { describe, expect, test } from "bun:test";
import { connect, type InboxList, watchInbox } from "../../../src/client/index.ts";
import { FaultProxy } from "../../delivery/fault-proxy.ts";
import { add } from "../../server/inbox/inbox-server.ts";
import { becomes, enter } from "../../support/clients/library.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

const itemsOf = ({ items }: InboxList) =>
  items.map(({ conversation, unread }) => `${conversation} ${unread}`);
const has =
  (...items: string[]) =>
  (list: InboxList) =>
    itemsOf(list).join() === items.join();

/** Makes ann a member of conversations, in which ben then writes. */
async function talk(server: Awaited<ReturnType<typeof startTestServer>>, names: readonly string[]) {
  const [ann, ben] = await Promise.all(
    ["ann", "ben"].map(async (user) => connect({ url: server.url, token: await server.token(user) })),
  );
  for (const name of names) {
    await add(server, name, "ann");
    await ben!.conversation(name).send("hello");
  }
  return { ann: ann!, ben: ben! };
}

describe("watchInbox", () => {
  test("IN1 lists the conversations with their unread counts, live", async () => {
    await using server = await startTestServer();
    const { ann, ben } = await talk(server, ["one", "two"]);
    const inbox = watchInbox(ann);
    expect(watchInbox(ann)).toBe(inbox);
    const end = inbox.subscribe(() => {});
    const first = await becomes(inbox, has("two 1", "one 1"));
    expect([first.unread, first.unread_conversations, first.hasMore, first.status]).toEqual([
      2,
      2,
      false,
      "ready",
    ]);
    expect(first.items[0]!.last).toMatchObject({ from: "ben", text: "hello" });
    await ben.conversation("one").send("again");
    await becomes(inbox, has("one 2", "two 1"));
    ann.conversation("one").read(2);
    const read = await becomes(inbox, has("one 0", "two 1"));
    expect(read.unread).toBe(1);
    end();
    await Promise.all([ann.close(), ben.close()]);
  });

  test("IN3 pages, and after a cut what has changed", async () => {
    await using server = await startTestServer();
    await using proxy = await FaultProxy.start();
    proxy.target = server.port;
    const { ann: first, ben } = await talk(server, ["one", "two", "three"]);
    await first.close();
    const ann = connect({ url: `http://127.0.0.1:${proxy.port}`, token: await server.token("ann") });
    const inbox = watchInbox(ann, { limit: 2 });
    const end = inbox.subscribe(() => {});
    expect(await becomes(inbox, has("three 1", "two 1"))).toMatchObject({ hasMore: true, unread: 3 });
    await inbox.loadMore();
    expect(await becomes(inbox, has("three 1", "two 1", "one 1"))).toMatchObject({ hasMore: false });
    for (const line of proxy.connections) line.reset();
    await becomes(inbox, ({ status }) => status === "stale");
    await ben.conversation("two").send("while away");
    ann.reconnect();
    const back = await becomes(inbox, has("two 2", "three 1", "one 1"));
    expect([back.unread, back.hasMore]).toEqual([4, false]);
    await becomes(inbox, ({ status }) => status === "ready");
    end();
    await Promise.all([ann.close(), ben.close()]);
  });

  test("a loop yields each item, and again when it changes", async () => {
    await using server = await startTestServer();
    const { ann, ben } = await talk(server, ["one", "two"]);
    const seen: string[] = [];
    for await (const { conversation, unread } of watchInbox(ann)) {
      seen.push(`${conversation} ${unread}`);
      if (seen.length === 2) void ben.conversation("one").send("again");
      if (seen.length === 3) break;
    }
    // The two may have messages of the same millisecond.
    expect([...seen.slice(0, 2).sort(), ...seen.slice(2)]).toEqual(["one 1", "two 1", "one 2"]);
    // A loop that waits for the next change ends with the line.
    const loop = (async () => {
      for await (const { conversation } of watchInbox(ann)) seen.push(conversation);
      return "ended";
    })();
    await waitUntil("it has yielded both", () => seen.length === 5);
    await Promise.all([ann.close(), ben.close()]);
    expect(await loop).toBe("ended");
  });
});

test("IN2 nothing asks for an inbox that nothing uses", async () => {
  await using server = await startTestServer();
  const sent: string[] = [];
  const trace = (direction: string, text: string) => direction === "sent" && sent.push(JSON.parse(text).type);
  await using ann = await enter(server, "ann", { trace });
  const inbox = watchInbox(ann.parley);
  await ann.parley.ping();
  expect([sent, inbox.getSnapshot().status]).toEqual([["open", "ping"], "loading"]);
});
