// The story: tests read frames through a helper that kept their names only (`-anna`), and so no test noticed that the
// same leave had another time on another node. Here each frame of a conversation is compared whole, on every path.
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ServerFrame } from "../../../src/protocol/server-frames.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { OperatorServer } from "../approval/operator-server.ts";
import { startNodes } from "./cluster.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

/** Two nodes with one watching client each, `anna` and `ben`. */
async function begin(env: Readonly<Record<string, string>> = {}) {
  const cluster = await startNodes(redis, 2, { PRESENCE_GRACE: "3", ...env });
  const [a, b] = cluster.nodes;
  const ben = await b.connect("ben");
  const anna = await a.connect("anna");
  await ben.next("presence");
  const from = { anna: anna.frames.length, ben: ben.frames.length };
  return {
    a,
    b,
    anna,
    ben,
    /** The frames that both received since, once they have `count` frames. */
    async received(count: number): Promise<[ServerFrame[], ServerFrame[]]> {
      const since = (): [ServerFrame[], ServerFrame[]] => [
        anna.frames.slice(from.anna),
        ben.frames.slice(from.ben),
      ];
      await waitUntil("both have received it", () => since().every(({ length }) => length >= count));
      return since();
    },
    async [Symbol.asyncDispose]() {
      await anna[Symbol.asyncDispose]();
      await ben[Symbol.asyncDispose]();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

test("P1 P2 `presence` is the same on the node of the user and on another, with the time of join and leave", async () => {
  await using started = await begin();
  const came = Date.now();
  const cleo = await started.a.connect("cleo");
  const [joined] = await started.received(1);
  const went = Date.now();
  await cleo[Symbol.asyncDispose]();
  const gone = Date.now();
  const [here, there] = await started.received(2);
  expect(there).toEqual(here);
  expect(here).toEqual([
    { type: "presence", user: "cleo", state: "joined", at: expect.any(Number) },
    { type: "presence", user: "cleo", state: "left", at: expect.any(Number) },
  ]);
  const [first, second] = started.anna.of("presence");
  expect(joined).toEqual([first!]);
  // A node's clock may be a second from the machine's (server/process/system-clock.ts); the grace is longer.
  expect(first!.at).toBeWithin(came - 1_000, went + 1_000);
  expect(second!.at).toBeWithin(went - 1_000, gone + 1_000);
});

test("P3 P4 `typing` and `read` are the same on the sender's node and on another", async () => {
  await using started = await begin();
  started.anna.send({ type: "message", text: "one" });
  await started.received(1);
  await using cleo = await started.a.connect("cleo");
  await started.received(2);
  cleo.send({ type: "typing", active: true });
  cleo.send({ type: "read", seq: 1 });
  const [here, there] = await started.received(4);
  const theirs = (frames: ServerFrame[]) => frames.filter(({ type }) => type === "typing" || type === "read");
  expect(theirs(there)).toEqual(theirs(here));
  expect(theirs(here)).toEqual([
    { type: "typing", user: "cleo", active: true },
    { type: "read", user: "cleo", seq: 1 },
  ]);
});

test("D1 D4 `message` is the same for its sender, on either node, in history, over HTTP and on resume", async () => {
  await using started = await begin();
  const { a, b, anna, ben } = started;
  const { epoch } = ben.of("welcome")[0]!;
  anna.send({ type: "message", id: "m1", text: "grüß dich", data: { n: 1, deep: [null, true] } });
  await started.received(1);
  const [message] = ben.of("message");
  expect(message).toEqual({
    type: "message",
    seq: 1,
    id: "m1",
    from: "anna",
    text: "grüß dich",
    data: { n: 1, deep: [null, true] },
    at: expect.any(Number),
  });
  expect(anna.of("message")).toEqual([message!]);

  for (const node of [a, b]) {
    const { type, ...stored } = message!;
    await using back = TestClient.open(await node.address("dora", "lobby", `&after=0&epoch=${epoch}`));
    expect(await back.next("message")).toEqual(message!);
    back.send({ type: "history" });
    expect((await back.next("history")).messages).toEqual([stored]);
    const headers = { Authorization: `Bearer ${await node.token("dora")}` };
    const answer = await fetch(`${node.url}/conversations/lobby/messages`, { headers });
    expect(((await answer.json()) as { messages: unknown }).messages).toEqual([stored]);
  }
});

test("AP1 AP2 each node asks before Redis stores: a refusal reaches its sender alone, a replacement all, and who waits holds up nobody", async () => {
  using operator = new OperatorServer();
  await using started = await begin({ APPROVAL_URL: operator.url });
  const { anna, ben, b } = started;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  operator.answer = async ({ message }) => {
    if (message?.text === "fool") return { action: "reject", reason: "no insults" };
    if (message?.text === "damn") await released;
    return message?.text === "damn" ? { action: "replace", text: "d**n" } : { action: "accept" };
  };
  ben.send({ type: "message", id: "1", text: "fool" });
  expect(await ben.next("error")).toMatchObject({ id: "1", code: "rejected", reason: "no insults" });
  anna.send({ type: "message", id: "2", text: "damn" });
  await operator.asked("lobby", 2);
  ben.send({ type: "message", id: "3", text: "hello" });
  expect(await ben.next("ack")).toMatchObject({ id: "3", seq: 1 });
  release();
  expect(await anna.next("ack")).toMatchObject({ id: "2", seq: 2 });
  await waitUntil("both have both messages", () =>
    [anna, ben].every((client) => client.of("message").length === 2),
  );
  expect(anna.of("message").map(({ text }) => text)).toEqual(["hello", "d**n"]);
  expect(ben.of("message")).toEqual(anna.of("message"));
  // A repeat on the other node is known by what is stored, and costs no question.
  await using elsewhere = await b.connect("anna");
  elsewhere.send({ type: "message", id: "2", text: "damn" });
  expect(await elsewhere.next("ack")).toMatchObject({ id: "2", seq: 2, duplicate: true });
  expect(operator.textsOf("lobby")).toEqual(["fool", "damn", "hello"]);
});
