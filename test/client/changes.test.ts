// Edit, erase and react by the library, against one real server.
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type Change,
  type ClientStorage,
  connect,
  type Entry,
  type MessageList,
  type Options,
  type Pending,
  watchMessages,
} from "../../src/client/index.ts";
import { FaultProxy } from "../delivery/fault-proxy.ts";
import { becomes } from "../support/clients/library.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: { BURST_RATE: "0", PLANS: "free:0:9" } });
});
afterAll(() => server.stop());

let count = 0;

/** A user in the conversation of a test, with its list of messages and the changes that it receives. */
async function join(user: string, name: string, options: Partial<Options> = {}) {
  const parley = connect({ url: server.url, token: await server.token(user), ...options });
  const room = parley.conversation(name);
  const list = watchMessages(room);
  const changes: Change[] = [];
  room.on("change", (change) => changes.push(change));
  list.subscribe(() => {});
  await becomes(list, ({ status }) => status === "ready");
  return { parley, room, list, changes, [Symbol.asyncDispose]: () => parley.close() };
}
const nameOf = () => `changes${++count}`;
const last = ({ entries }: MessageList) => entries.at(-1)!;
const shows =
  (matches: (entry: Entry) => boolean) =>
  (list: MessageList): boolean =>
    list.entries.length > 0 && matches(last(list));
const settled = (entry: Entry) => entry.changing === undefined;

test("CH1 an edit, a reaction and an erasure are shown at once, and by everybody as `history` has them", async () => {
  const name = nameOf();
  await using ann = await join("ann", name);
  await using ben = await join("ben", name);
  const { seq } = await ann.room.send("hello", { data: { a: 1 } });
  const editing = ann.room.edit(seq, { text: "hello, world", data: null, if_rev: 0 });
  expect(
    last(
      await becomes(
        ann.list,
        shows(({ changing }) => changing !== undefined),
      ),
    ),
  ).toMatchObject({
    text: "hello, world",
    changing: [{ type: "edit", state: "pending" }],
  });
  const edited = await editing;
  expect(edited).toMatchObject({ seq, rev: 1 });
  await ben.room.react(seq, "👍");
  const reacted = (
    await becomes(
      ann.list,
      shows((entry) => entry.reactions !== undefined && settled(entry)),
    )
  ).entries[0]!;
  expect(reacted).toMatchObject({
    text: "hello, world",
    edited: { rev: 1 },
    reactions: { "👍": { count: 1, users: ["ben"] } },
    myReactions: [],
  });
  expect("data" in reacted).toBe(false);
  expect(last(await becomes(ben.list, shows(settled))).myReactions).toEqual(["👍"]);
  const { key, state, own, myReactions, ...message } = reacted;
  expect((await ann.room.history()).messages).toEqual([message as never]);
  expect((await ben.room.history()).mine).toEqual({ [seq]: ["👍"] });
  // What changes nothing is acked without a `rev`, and leaves nothing waiting.
  expect(await ben.room.react(seq, "👍")).toMatchObject({ duplicate: true });
  expect(last(ben.list.getSnapshot()).changing).toBeUndefined();
  await ben.room.react(seq, "👍", false);
  await ann.room.erase(seq, "spam");
  for (const one of [ann, ben])
    expect(
      last(
        await becomes(
          one.list,
          shows(({ erased }) => erased?.reason === "spam"),
        ),
      ),
    ).toMatchObject({
      text: "",
      myReactions: [],
    });
  expect(ben.changes.map(({ rev, kind }) => `${rev} ${kind}`)).toEqual([
    "1 edit",
    "2 react",
    "3 react",
    "4 erase",
  ]);
  expect(ben.room.place).toMatchObject({ seq, rev: 4 });
});

test("CH1 a change of a message that has no ack yet waits for it; an entry of before the ack still names it", async () => {
  await using ann = await join("ann", nameOf());
  const sending = ann.room.send("first", { id: "own" });
  const entry = last(ann.list.getSnapshot());
  expect(entry).toMatchObject({ id: "own", state: "pending" });
  const editing = ann.room.edit(entry, { text: "second" });
  expect(last(ann.list.getSnapshot())).toMatchObject({ text: "second", changing: [{ type: "edit" }] });
  const { seq } = await sending;
  expect(await editing).toMatchObject({ seq, rev: 1 });
  expect(await ann.room.react(entry, "x")).toMatchObject({ seq, rev: 2 });
  const refused = ann.room.react({ from: "ben", id: "own" }, "x");
  expect(await refused.catch(({ code }) => code)).toBe("not_found");
});

test("CH4 a refused change is shown with its error, holds up nothing, and is retried or discarded", async () => {
  const name = nameOf();
  await using ann = await join("ann", name);
  await using ben = await join("ben", name);
  const { seq } = await ann.room.send("mine");
  await becomes(
    ben.list,
    shows((entry) => entry.seq === seq),
  );
  const refused = ben.room.edit(seq, { text: "yours" });
  const next = ben.room.react(seq, "x");
  expect(await refused.catch(({ code }) => code)).toBe("forbidden");
  await next;
  const failed = last(
    await becomes(
      ben.list,
      shows(({ changing }) => changing?.[0]?.state === "failed"),
    ),
  );
  expect(failed).toMatchObject({
    text: "mine",
    changing: [{ type: "edit", state: "failed", text: "yours", error: { code: "forbidden" } }],
  });
  ben.list.retry(failed);
  expect(last(ben.list.getSnapshot())).toMatchObject({ text: "yours", changing: [{ state: "pending" }] });
  const again = last(
    await becomes(
      ben.list,
      shows(({ changing }) => changing?.[0]?.state === "failed"),
    ),
  );
  ben.list.discard(again);
  expect(last(ben.list.getSnapshot())).toMatchObject({ text: "mine", myReactions: ["x"] });
  expect(last(ben.list.getSnapshot()).changing).toBeUndefined();
  // `if_rev`: another edit came first.
  await ann.room.edit(seq, { text: "new" });
  const stale = await ann.room.edit(seq, { text: "old", if_rev: 0 }).catch((error) => error);
  expect(stale).toMatchObject({ code: "conflict", rev: 2 });
});

test("CH1 changes that wait for the line keep their epoch: in another one they fail as `conflict`", async () => {
  const name = nameOf();
  const saved = new Map<string, readonly Pending[]>();
  const storage: ClientStorage = {
    load: (key) => saved.get(key),
    save: (key, pending) => void saved.set(key, pending),
  };
  await using proxy = await FaultProxy.start();
  proxy.target = server.port;
  await using ann = await join("ann", name, { url: `http://127.0.0.1:${proxy.port}`, storage });
  const { seq } = await ann.room.send("hello");
  const { epoch } = ann.room.place!;
  for (const line of proxy.connections) line.reset();
  await becomes(ann.list, ({ status }) => status === "stale");
  const waiting = ann.room.react(seq, "x");
  expect(last(ann.list.getSnapshot()).myReactions).toEqual(["x"]);
  await waitUntil("it is saved", () => [...saved.values()].at(-1)!.length > 0);
  const kept = [...saved.values()].at(-1)!;
  expect(kept).toMatchObject([{ type: "react", seq, epoch, reaction: "x", on: true }]);
  ann.parley.reconnect();
  expect(await waiting).toMatchObject({ rev: 1 });
  await waitUntil("it is not kept any longer", () => [...saved.values()].at(-1)!.length === 0);
  // A program that was restarted sends what it finds, and the server refuses what is of another epoch.
  const key = [...saved.keys()][0]!;
  saved.set(key, [
    { ...(kept[0] as Pending & { type: "react" }), id: "old", reaction: "y", epoch: "before" },
  ]);
  await using again = await join("ann", name, { storage });
  const failed = last(
    await becomes(
      again.list,
      shows(({ changing }) => changing?.[0]?.state === "failed"),
    ),
  );
  expect(failed.changing).toMatchObject([{ id: "old", error: { code: "conflict" } }]);
});

test("CH2 a return brings what was missed, summed up, and own reactions with it", async () => {
  const name = nameOf();
  await using proxy = await FaultProxy.start();
  proxy.target = server.port;
  await using ann = await join("ann", name, { url: `http://127.0.0.1:${proxy.port}` });
  await using ben = await join("ben", name);
  await using phone = await join("ann", name);
  for (const text of ["1", "2", "3"]) await ben.room.send(text);
  await becomes(ann.list, ({ entries }) => entries.length === 3);
  proxy.target = undefined as never;
  for (const line of proxy.connections) line.reset();
  await becomes(ann.list, ({ status }) => status === "stale");
  await ben.room.edit(2, { text: "two" });
  await phone.room.react(2, "x");
  await ben.room.react(2, "x");
  await ben.room.erase(1);
  await ben.room.send("4");
  proxy.target = server.port;
  ann.changes.length = 0;
  ann.parley.reconnect();
  const back = await becomes(ann.list, ({ entries, status }) => status === "ready" && entries.length === 4);
  expect(back.entries.map(({ text }) => text)).toEqual(["", "two", "3", "4"]);
  expect(back.entries[1]).toMatchObject({ reactions: { x: { count: 2 } }, myReactions: ["x"] });
  expect(ann.changes.map(({ seq, kind }) => `${seq} ${kind}`)).toEqual(["2 fold", "1 fold"]);
});

test("CH2 where more was changed than is sent, the list reads its messages again, and is stale until then", async () => {
  const name = nameOf();
  await using proxy = await FaultProxy.start();
  proxy.target = server.port;
  await using ben = await join("ben", name, { limits: { sendRate: 0 } });
  const count = 38;
  for (let n = 1; n <= count; n++) await ben.room.send(`${n} ${"x".repeat(60_000)}`);
  await using ann = await join("ann", name, { url: `http://127.0.0.1:${proxy.port}` });
  const before = ann.list.getSnapshot().entries;
  expect(before.at(-1)!.seq).toBe(count);
  // Away until all is changed.
  proxy.target = undefined;
  for (const line of proxy.connections) line.reset();
  await becomes(ann.list, ({ status }) => status === "stale");
  for (let seq = 1; seq <= count; seq++) await ben.room.react(seq, "x");
  proxy.target = server.port;
  const seen: string[] = [];
  const end = ann.list.subscribe(({ status, entries }) => {
    seen.push(`${status} ${entries.every(({ reactions }) => reactions !== undefined)}`);
  });
  ann.parley.reconnect();
  await becomes(ann.list, ({ status }) => status === "ready");
  // Never shown as up to date before it was read.
  expect(seen).not.toContain("ready false");
  expect(ann.list.getSnapshot().entries.map(({ key }) => key)).toEqual(before.map(({ key }) => key));
  expect(ann.changes).toEqual([]);
  expect(ann.room.place).toMatchObject({ rev: count });
  end();
});
