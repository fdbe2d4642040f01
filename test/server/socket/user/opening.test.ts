import { expect, test } from "bun:test";
import { MAX_RESENT_BYTES_PER_MINUTE } from "../../../../src/core/conversation/resend-limiter.ts";
import type { Engine } from "../../../../src/core/ports/engine.ts";
import { join } from "../../../support/clients/join.ts";
import { overrideEngine } from "../../../support/server/override-engine.ts";
import { startTestServer } from "../../../support/server/test-server.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { connectUser, open } from "./user-client.ts";

/** No limits except those of the connection itself. */
const UNMETERED = { BURST_RATE: "0", PLANS: "free:0:0", PRESENCE_GRACE: "0", INACTIVITY_TIMEOUT: "0" };

/** An engine that keeps each head back until the test lets it go, and counts how many wait. */
function slowHeads() {
  const waiting = new Map<string, () => void>();
  const opened: string[] = [];
  let isSlow = true;
  const wrapEngine = (engine: Engine): Engine =>
    overrideEngine(engine, {
      async head(conversation) {
        opened.push(conversation);
        if (isSlow) await new Promise<void>((resolve) => waiting.set(conversation, resolve));
        return engine.head(conversation);
      },
    });
  return {
    wrapEngine,
    opened,
    release(conversation: string) {
      waiting.get(conversation)?.();
      waiting.delete(conversation);
    },
    releaseAll() {
      isSlow = false;
      for (const resolve of waiting.values()) resolve();
      waiting.clear();
    },
  };
}

test("MX2 four conversations are opened at a time, and one that is slow holds up no other", async () => {
  const heads = slowHeads();
  await using server = await startTestServer({ wrapEngine: heads.wrapEngine });
  await using anna = await connectUser(server);
  const names = ["a", "b", "c", "d", "e", "f", "g"];
  anna.send({ type: "open", conversations: names.map((conversation) => ({ conversation })) });
  await anna.settled();
  await waitUntil("four heads are read", () => heads.opened.length === 4);
  expect(heads.opened).toEqual(["a", "b", "c", "d"]);
  for (const name of ["b", "c", "d", "e", "f", "g"]) {
    await waitUntil(`${name} is being opened`, () => heads.opened.includes(name));
    heads.release(name);
    expect(await anna.next("opened")).toMatchObject({ conversation: name });
  }
  // The socket answers while `a` is still being opened, in other conversations and for itself.
  anna.send({ type: "message", conversation: "b", id: "m1", text: "x" });
  expect(await anna.next("ack")).toMatchObject({ conversation: "b" });
  heads.releaseAll();
  expect(await anna.next("opened")).toMatchObject({ conversation: "a" });
});

test("MX2 M3 a conversation that is being opened holds sixteen requests, the next is `busy`, and the socket is not paused", async () => {
  const heads = slowHeads();
  await using server = await startTestServer({ env: UNMETERED, wrapEngine: heads.wrapEngine });
  await using anna = await connectUser(server);
  anna.send({
    type: "open",
    conversations: [{ conversation: "a" }, { conversation: "b" }, { conversation: "c" }],
  });
  for (const conversation of ["a", "b", "c"])
    for (let i = 1; i <= 17; i++)
      anna.send({ type: "message", conversation, id: `${conversation}${i}`, text: `${i}` });
  for (const conversation of ["a", "b", "c"])
    expect(await anna.next("error")).toEqual({
      type: "error",
      conversation,
      code: "busy",
      message: expect.any(String),
      id: `${conversation}17`,
      retry_after: 1,
    });
  // 48 requests are held, more than MAX_WAITING_FRAMES, and the socket is still read.
  await anna.settled();
  heads.releaseAll();
  for (let i = 0; i < 48; i++) await anna.next("ack");
  for (const conversation of ["a", "b", "c"]) {
    const frames = anna.frames.filter(
      (frame) => "conversation" in frame && frame.conversation === conversation,
    );
    expect(frames.find(({ type }) => type !== "error")).toMatchObject({ type: "opened" });
    const ids = frames.flatMap((frame) => (frame.type === "ack" ? [frame.id] : []));
    expect(ids).toEqual(Array.from({ length: 16 }, (_, i) => `${conversation}${i + 1}`));
  }
});

test("MX1 the answers of a conversation come in the order of its requests, `open` and `close` among them", async () => {
  await using server = await startTestServer({ env: UNMETERED });
  await using anna = await connectUser(server);
  const conversation = "a";
  for (let round = 0; round < 20; round++) {
    anna.send({ type: "message", conversation, id: `${round}-1`, text: "x" });
    anna.send({ type: "open", conversations: [{ conversation }], id: `${round}-2` });
    anna.send({ type: "message", conversation, id: `${round}-3`, text: "x" });
    anna.send({ type: "history", conversation, id: `${round}-4`, limit: 1 });
    anna.send({ type: "close", conversations: [conversation] });
    anna.send({ type: "message", conversation, id: `${round}-5`, text: "x" });
    await waitUntil("all are answered", () => anna.of("ack").length === 3 * (round + 1));
  }
  await anna.settled();
  const answers = anna.frames.flatMap((frame) =>
    frame.type === "ack" || frame.type === "opened" || frame.type === "history" || frame.type === "closed"
      ? ["id" in frame ? frame.id : "closed"]
      : [],
  );
  expect(answers).toEqual(
    Array.from({ length: 20 }, (_, round) =>
      [1, 2, 3, 4].map((n) => `${round}-${n}`).concat("closed", `${round}-5`),
    ).flat(),
  );
  // Each of its messages came once while it was open, and none while it was not.
  expect(anna.of("message").map(({ id }) => id)).toEqual(
    Array.from({ length: 20 }, (_, round) => `${round}-3`),
  );
});

test("MX2 conversations that catch up get their pages in turn, and all of them everything in order", async () => {
  await using server = await startTestServer({ env: UNMETERED });
  const names = ["a", "b", "c"];
  const count = 450;
  await using ben = await connectUser(server, "ben");
  for (const conversation of names) {
    for (let i = 1; i <= count; i++)
      ben.send({ type: "message", conversation, id: `${i}`, text: "x".repeat(500) });
  }
  await waitUntil("all are stored", () => ben.of("ack").length === count * names.length);
  await using anna = await connectUser(server);
  anna.send({ type: "open", conversations: names.map((conversation) => ({ conversation, after: 0 })) });
  await waitUntil("all have come", () => anna.of("message").length >= count * names.length);
  const messages = anna.of("message");
  for (const name of names) {
    const seqs = messages.filter(({ conversation }) => conversation === name).map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  }
  // No conversation got all its pages before another one got its first.
  const at = (name: string, seq: number) =>
    messages.findIndex((message) => message.conversation === name && message.seq === seq);
  for (const one of names) for (const other of names) expect(at(one, 1)).toBeLessThan(at(other, count));
});

test("MX2 the conversation opened before the store went away is refused as `unavailable`, and can be opened later", async () => {
  let isAway = false;
  const away = new Error("the store is away");
  await using server = await startTestServer({
    wrapEngine: (engine) =>
      overrideEngine(engine, {
        head: (conversation) => (isAway ? Promise.reject(away) : engine.head(conversation)),
        isUnavailable: (error) => error === away || engine.isUnavailable(error),
      }),
  });
  await using anna = await connectUser(server);
  isAway = true;
  anna.send({ type: "open", conversations: [{ conversation: "a" }], id: "o1" });
  expect(await anna.next("error")).toEqual({
    type: "error",
    conversation: "a",
    code: "unavailable",
    message: expect.any(String),
    id: "o1",
    retry_after: 1,
  });
  isAway = false;
  await open(anna, "a");
});

test("MX7 who looks at the same pages again and again is `busy` in that conversation, and the socket stays", async () => {
  await using server = await startTestServer({ env: UNMETERED });
  await using ben = await join(server, "ben");
  for (let i = 0; i < 5; i++) {
    ben.send({ type: "message", id: `m${i}`, text: "x".repeat(50_000) });
    await ben.next("ack");
  }
  await using anna = await connectUser(server);
  const looks = Math.floor(MAX_RESENT_BYTES_PER_MINUTE / 250_000) + 3;
  for (let i = 0; i < looks && anna.of("error").length === 0; i++) {
    anna.send({ type: "open", conversations: [{ conversation: "lobby", last: 5 }], id: `o${i}` });
    await waitUntil("it is answered", () => anna.of("opened").length + anna.of("error").length === i + 1);
  }
  const [error] = anna.of("error");
  expect(error).toMatchObject({ conversation: "lobby", code: "busy", retry_after: expect.any(Number) });
  anna.send({ type: "open", conversations: [{ conversation: "lobby" }] });
  await anna.next("opened");
  expect(anna.of("closing")).toEqual([]);
});

test("MX2 M2 an `open` of many conversations counts as one frame", async () => {
  await using server = await startTestServer({ env: { BURST_RATE: "20", BURST_SIZE: "40" } });
  await using anna = await connectUser(server);
  const names = Array.from({ length: 64 }, (_, i) => `c${i}`);
  for (let round = 0; round < 3; round++) {
    anna.send({ type: "open", conversations: names.map((conversation) => ({ conversation })) });
    for (const _ of names) await anna.next("opened");
  }
  expect(anna.of("warning")).toEqual([]);
  anna.send({
    type: "open",
    conversations: [...names, "one-more"].map((conversation) => ({ conversation })),
  });
  expect(await anna.next("error")).toMatchObject({ code: "invalid" });
});

test("MX2 forty sockets that come back at once with ten conversations each get all of them, and what they missed", async () => {
  await using server = await startTestServer({ env: { ...UNMETERED, PLANS: "free:0:0" } });
  const names = Array.from({ length: 10 }, (_, i) => `c${i}`);
  await using ben = await connectUser(server, "ben");
  for (const conversation of names) ben.send({ type: "message", conversation, id: "m1", text: "x" });
  await waitUntil("all are stored", () => ben.of("ack").length === names.length);
  await using stack = new AsyncDisposableStack();
  const sockets = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => stack.use(await connectUser(server, `user-${i}`))),
  );
  for (const socket of sockets)
    socket.send({ type: "open", conversations: names.map((conversation) => ({ conversation, after: 0 })) });
  for (const socket of sockets) {
    await waitUntil("all are open", () => socket.of("message").length === names.length);
    expect(
      socket
        .of("opened")
        .map(({ conversation }) => conversation)
        .sort(),
    ).toEqual(names);
  }
});

/** An engine whose announcements are held from `hold` on; from the next `head` on one is made in each microtask. */
function announcementsInMicrotasks() {
  const held: (() => void)[] = [];
  let isHolding = false;
  const drip = async () => {
    for (let next = held.shift(); next !== undefined; next = held.shift()) {
      next();
      await null;
    }
    isHolding = false;
  };
  const wrapEngine = (engine: Engine): Engine =>
    overrideEngine(engine, {
      subscribe: (conversation, listener) =>
        engine.subscribe(conversation, (room, entry) =>
          isHolding ? void held.push(() => listener(room, entry)) : listener(room, entry),
        ),
      async head(conversation) {
        const head = await engine.head(conversation);
        if (isHolding) void drip();
        return head;
      },
    });
  return {
    wrapEngine,
    held,
    hold() {
      isHolding = true;
    },
  };
}

test("MX1 D1 D4 a message that is announced while a conversation is opened comes after what was missed", async () => {
  const announcements = announcementsInMicrotasks();
  await using server = await startTestServer({ env: UNMETERED, wrapEngine: announcements.wrapEngine });
  await using ben = await join(server, "ben");
  await using anna = await connectUser(server);
  const { epoch } = ben.of("welcome")[0]!;
  const post = async (from: number, to: number) => {
    for (let seq = from; seq <= to; seq++) ben.send({ type: "message", id: `${seq}`, text: `${seq}` });
    await waitUntil("they are stored", () => ben.of("ack").length === to);
  };
  await post(1, 5);
  announcements.hold();
  await post(6, 60);
  anna.send({ type: "open", conversations: [{ conversation: "lobby", after: 2, epoch: epoch! }] });
  await waitUntil("all have come", () => anna.of("message").length === 58);
  expect(announcements.held).toEqual([]);
  expect(anna.of("message").map(({ seq }) => seq)).toEqual(Array.from({ length: 58 }, (_, at) => at + 3));
});

test.each([
  [["open", "open", "close", "open"]],
  [["open", "close", "open"]],
  [["open", "open", "close", "open", "close", "open"]],
])("MX3 D1 P1 after %p at once one `close` ends it, and nothing of it comes after that", async (requests) => {
  const heads = slowHeads();
  await using server = await startTestServer({ env: UNMETERED, wrapEngine: heads.wrapEngine });
  await using anna = await connectUser(server);
  anna.send({ type: "open", conversations: [{ conversation: "a" }] });
  await waitUntil("it is being opened", () => heads.opened.length === 1);
  heads.release("a");
  await anna.next("opened");
  await using ben = await connectUser(server, "ben");
  for (const type of requests)
    ben.send(
      type === "open"
        ? { type, conversations: [{ conversation: "a" }] }
        : { type: "close", conversations: ["a"] },
    );
  // All but the first one are held until it is open.
  await ben.settled();
  heads.releaseAll();
  const answers = () => ben.frames.filter(({ type }) => type === "opened" || type === "closed");
  await waitUntil("all are answered", () => answers().length === requests.length);
  anna.send({ type: "message", conversation: "a", id: "m2", text: "y" });
  await anna.next("ack");
  await waitUntil("the message came", () => ben.of("message").some(({ id }) => id === "m2"));
  ben.send({ type: "close", conversations: ["a"] });
  await waitUntil("the last one is closed", () => answers().length === requests.length + 1);
  await waitUntil("ben has left", () => anna.of("presence").at(-1)?.state === "left");
  anna.send({ type: "message", conversation: "a", id: "m3", text: "z" });
  await anna.next("ack");
  await ben.settled();
  expect(answers().map(({ type }) => type.replace(/ed$/, "").replace("clos", "close"))).toEqual([
    ...requests,
    "close",
  ]);
  expect(ben.of("message")).toEqual([expect.objectContaining({ id: "m2" })]);
  expect(ben.frames.slice(-2)).toEqual([
    { type: "closed", conversation: "a" },
    expect.objectContaining({ type: "pong" }),
  ]);
});

test("D1 MX2 a conversation that is opened again while a page is read gets each message once", async () => {
  let release: (() => void) | undefined;
  let isSlow = true;
  const wrapEngine = (engine: Engine): Engine =>
    overrideEngine(engine, {
      async page(...request) {
        if (isSlow) await new Promise<void>((resolve) => (release = resolve));
        return engine.page(...request);
      },
    });
  await using server = await startTestServer({ env: UNMETERED, wrapEngine });
  await using anna = await connectUser(server);
  await open(anna, "a");
  const post = (id: number) => anna.send({ type: "message", conversation: "a", id: `m${id}`, text: "x" });
  for (let id = 1; id <= 300; id++) post(id);
  await waitUntil("all are stored", () => anna.of("ack").length === 300);
  await using ben = await connectUser(server, "ben");
  const again = async () => {
    ben.send({ type: "open", conversations: [{ conversation: "a", after: 0 }] });
    await ben.next("opened");
  };
  await again();
  await waitUntil("a page is read", () => release !== undefined);
  await again();
  isSlow = false;
  release!();
  post(301);
  const seqs = () => ben.of("message").map(({ seq }) => seq);
  await waitUntil("ben has the newest message", () => seqs().includes(301));
  await ben.settled();
  expect(seqs()).toEqual(Array.from({ length: 301 }, (_, i) => i + 1));
});
