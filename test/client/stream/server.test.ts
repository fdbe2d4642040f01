import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { connect, type Entry, startStream, watchMessages } from "../../../src/client/index.ts";
import { keepOpen, reaches } from "../../support/clients/library.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

/** Connects a user, and opens the lobby with a list of its messages. */
async function enter(server: Awaited<ReturnType<typeof startTestServer>>, user: string) {
  const parley = connect({ url: server.url, token: await server.token(user) });
  const lobby = parley.conversation("lobby");
  const list = watchMessages(lobby);
  list.subscribe(() => {});
  keepOpen(lobby);
  await reaches(lobby, "live");
  return { parley, lobby, entry: () => list.getSnapshot().entries.at(-1) as Entry };
}

test("a stream grows at another user, survives a cut of its writer, and is stored in place", async () => {
  await using server = await startTestServer();
  const ann = await enter(server, "ann");
  const bob = await enter(server, "bob");
  const stream = startStream(ann.lobby, { id: "a" });
  await stream.write("one ");
  await waitUntil("the first text is shown", () => bob.entry()?.text === "one ");
  const { key, state } = bob.entry();
  expect(state).toBe("streaming");
  ann.parley.reconnect();
  await stream.write("two");
  const { seq } = await stream.end();
  await waitUntil("the message is stored", () => bob.entry().state === "stored");
  expect(bob.entry()).toMatchObject({ key, seq, text: "one two", stream: { state: "done" } });
  await Promise.all([ann.parley.close(), bob.parley.close()]);
});

test("another user stops the answer to their message", async () => {
  await using server = await startTestServer();
  const ann = await enter(server, "ann");
  const bob = await enter(server, "bob");
  const { seq: question } = await bob.lobby.send("why?");
  const stream = startStream(ann.lobby, { id: "a", reply_to: question });
  await stream.write("because");
  await waitUntil("the entry is shown", () => bob.entry()?.state === "streaming");
  await bob.lobby.cancel(bob.entry());
  await waitUntil("the writer is asked to stop", () => stream.signal.aborted);
  expect(stream.signal.reason).toMatchObject({ code: "cancelled" });
  await stream.end();
  await waitUntil("the message is stored", () => bob.entry().state === "stored");
  expect(bob.entry()).toMatchObject({ text: "because", reply_to: question, stream: { state: "cancelled" } });
  await Promise.all([ann.parley.close(), bob.parley.close()]);
});

test("data that cannot be stored or sent rejects, and the line and the user's other streams go on", async () => {
  await using server = await startTestServer();
  const ann = await enter(server, "ann");
  let deep = {};
  for (let i = 0; i < 20; i++) deep = { deep };
  const refused = startStream(ann.lobby, { id: "a" });
  await refused.write("one");
  await expect(refused.end({ data: deep })).rejects.toMatchObject({ code: "too_large" });
  await waitUntil("it is ended", () => ann.entry()?.state === "stored");
  expect(ann.entry()).toMatchObject({ text: "one", stream: { state: "failed" } });
  const stream = startStream(ann.lobby, { id: "b" });
  const large = { fill: "x".repeat(70_000) };
  await expect(stream.write("two", large)).rejects.toMatchObject({ code: "too_large" });
  await expect(stream.end({ data: large })).rejects.toMatchObject({ code: "too_large" });
  const circular: { self?: object } = {};
  circular.self = circular;
  await expect(stream.write("two", circular)).rejects.toMatchObject({ code: "invalid" });
  await stream.write("two \ud83d");
  const { seq } = await stream.end();
  await waitUntil("it is stored", () => ann.entry().seq === seq);
  expect(ann.entry()).toMatchObject({ text: "two \ufffd", stream: { state: "done" } });
  await ann.parley.close();
});

test("`pipe` keeps nothing of the tokens that were read", async () => {
  await using server = await startTestServer();
  const ann = await enter(server, "ann");
  const stream = startStream(ann.lobby, { id: "a" });
  const promises = () => {
    Bun.gc(true);
    return heapStats().objectTypeCounts.Promise ?? 0;
  };
  const before = promises();
  let after = 0;
  async function* tokens() {
    for (let i = 0; i < 20_000; i++) yield "x";
    after = promises();
  }
  await stream.pipe(tokens());
  expect(after - before).toBeLessThan(2_000);
  await ann.parley.close();
});

test("a second writer of one id takes over, and the first is fenced", async () => {
  await using server = await startTestServer();
  const first = await enter(server, "ann");
  const second = await enter(server, "ann");
  const one = startStream(first.lobby, { id: "a" });
  await one.write("one");
  await waitUntil("the entry is shown", () => second.entry()?.state === "streaming");
  const two = startStream(second.lobby, { id: "a", restart: true });
  await two.write("two");
  await waitUntil("the first writer is fenced", () => one.signal.aborted);
  expect(one.signal.reason).toMatchObject({ code: "fenced" });
  await two.end();
  await waitUntil("the message is stored", () => second.entry().state === "stored");
  expect(second.entry()).toMatchObject({ text: "two" });
  await Promise.all([first.parley.close(), second.parley.close()]);
});
