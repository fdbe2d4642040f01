import { expect, test } from "bun:test";
import { MAX_RESENT_BYTES_PER_MINUTE } from "../../../../src/core/conversation/resend-limiter.ts";
import { MAX_RECENT_BYTES } from "../../../../src/core/conversation/resume.ts";
import type { Engine } from "../../../../src/core/ports/engine.ts";
import { SOCKETS } from "../../../support/clients/sockets.ts";
import { TestClient } from "../../../support/clients/test-client.ts";
import { Random, seeds } from "../../../support/random.ts";
import { overrideEngine } from "../../../support/server/override-engine.ts";
import { startTestServer, type TestServer } from "../../../support/server/test-server.ts";

const UNMETERED = { PLANS: "free:0:0", DEFAULT_PLAN: "free", BURST_RATE: "0" };

async function addressOf(server: TestServer, user: string, query = ""): Promise<string> {
  return `${server.wsUrl}/ws/${user}/lobby?token=${await server.token(user)}${query}`;
}

/** Posts `count` messages and waits until all are stored. */
async function post(client: TestClient, count: number, text = "x"): Promise<void> {
  const acks = client.of("ack").length + count;
  for (let i = 0; i < count; i++) client.send({ type: "message", text: `${text}${i}` });
  while (client.of("ack").length < acks) await client.next("ack");
}

function upTo(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** The messages of a client: first those of the history, then the later ones. */
function allSeqs(client: TestClient): number[] {
  const shown = client.of("history").flatMap(({ messages }) => messages);
  return [...shown, ...client.of("message")].map(({ seq }) => seq);
}

for (const [from, count] of [
  ["the ring", 20],
  ["the store", 300],
] as const) {
  test.each(SOCKETS)(
    `MX7 D6 the newest messages follow the welcome, whole and free; from ${from} (%s)`,
    async (_kind, connect) => {
      await using server = await startTestServer({ env: { ...UNMETERED, PLANS: "free:1000:0" } });
      await using anna = await connect(await addressOf(server, "anna"));
      await post(anna, count);
      anna.send({ type: "message", text: "last ☕", data: { x: [1, null] }, id: "m" });
      await anna.next("ack");
      if (from === "the store") {
        // The room is empty for a moment, and the node keeps nothing of the conversation.
        anna.socket.close();
        await anna.closed;
      }
      await using ben = await connect(await addressOf(server, "ben", `&last=${50}`));
      await ben.settled();
      const [welcome, history] = ben.frames;
      expect(welcome).toMatchObject({ type: "welcome", seq: count + 1, resumed: false });
      expect(welcome).toMatchObject({ quota: { limit: 1000, remaining: 1000 } });
      const shown = anna.of("message").slice(-50);
      const messages = shown.map(({ type, ...message }) => message);
      expect(history).toEqual({ type: "history", messages, more: count + 1 > 50 });
      expect(ben.of("message")).toEqual([]);
    },
  );
}

test.each(SOCKETS)(
  "MX7 the page is empty in an unused conversation, or if none was requested (%s)",
  async (_kind, connect) => {
    await using server = await startTestServer({ env: UNMETERED });
    await using anna = await connect(await addressOf(server, "anna", "&last=10"));
    await anna.settled();
    expect(anna.frames[1]).toEqual({ type: "history", messages: [], more: false });
    await post(anna, 1);
    await using ben = await connect(await addressOf(server, "ben", "&last=0"));
    await ben.settled();
    expect(ben.frames[1]).toEqual({ type: "history", messages: [], more: true });
  },
);

test.each(SOCKETS)(
  "MX7 a resume gets the newest missed messages, and the number skipped (%s)",
  async (_kind, connect) => {
    await using server = await startTestServer({ env: UNMETERED });
    await using anna = await connect(await addressOf(server, "anna"));
    await post(anna, 300);
    const { epoch } = anna.of("welcome")[0]!;
    await using ben = await connect(await addressOf(server, "ben", `&after=7&epoch=${epoch}&last=5`));
    await ben.settled();
    expect(ben.of("welcome")[0]).toMatchObject({ resumed: true, seq: 300, skipped: { first: 8, last: 295 } });
    expect(ben.of("history")).toEqual([]);
    expect(allSeqs(ben)).toEqual(upTo(296, 300));
    await using cleo = await connect(await addressOf(server, "cleo", `&after=299&epoch=${epoch}&last=5`));
    await cleo.settled();
    expect(cleo.of("welcome")[0]?.skipped).toBeUndefined();
    expect(allSeqs(cleo)).toEqual([300]);
  },
);

// 50 messages of 64 KiB are three times what closes a reader.
test.each(SOCKETS)(
  "MX7 B1 of long messages the newest that fit are sent, and the rest is left to `history` (%s)",
  async (_kind, connect) => {
    await using server = await startTestServer({ env: UNMETERED });
    await using anna = await connect(await addressOf(server, "anna"));
    await post(anna, 50, "☕".repeat(20_000));
    await using ben = await connect(await addressOf(server, "ben", "&last=50"));
    await ben.settled();
    const [history] = ben.of("history");
    expect(history?.more).toBe(true);
    expect(history?.messages.at(-1)?.seq).toBe(50);
    const bytes = Buffer.byteLength(JSON.stringify(history));
    expect(bytes).toBeLessThan(MAX_RECENT_BYTES + 1024);
    expect(bytes).toBeGreaterThan(MAX_RECENT_BYTES / 2);
  },
);

for (const seed of seeds(41, 42)) {
  test.each(SOCKETS)(
    `MX7 D4 there is no gap between the page and the messages after it (seed ${seed}) (%s)`,
    async (_kind, connect) => {
      const random = new Random(seed);
      // A store that takes its time, so that messages come while the page is read.
      const disturb = (engine: Engine) =>
        overrideEngine(engine, {
          page: async (...request) => {
            for (let i = random.between(0, 8); i > 0; i--) await new Promise(setImmediate);
            return engine.page(...request);
          },
        });
      await using server = await startTestServer({ env: UNMETERED, wrapEngine: disturb });
      await using anna = await connect(await addressOf(server, "anna"));
      await post(anna, random.between(70, 200), "x".repeat(random.between(1, 4000)));
      const clients: TestClient[] = [];
      const posted = anna.of("ack").length;
      let more = 0;
      for (let i = 0; i < 25; i++) {
        const count = random.between(0, 12);
        more += count;
        for (let n = 0; n < count; n++) anna.send({ type: "message", text: `${i}.${n}` });
        const query = `&last=${random.between(0, 50)}`;
        clients.push(TestClient.open(await addressOf(server, `user${i}`, query)));
        if (random.next() < 0.5) await new Promise(setImmediate);
      }
      while (anna.of("ack").length < posted + more) await anna.next("ack");
      for (const client of clients) {
        await client.opened();
        await client.next("welcome");
        await client.settled();
        await client.settled();
        const { seq } = client.of("welcome")[0]!;
        expect(client.frames[1]?.type).toBe("history");
        const seqs = allSeqs(client);
        expect(seqs).toEqual(upTo(seqs[0] ?? posted + more + 1, posted + more));
        expect(client.of("history")[0]?.messages.at(-1)?.seq ?? seq).toBe(seq);
        client.socket.close();
      }
    },
  );
}

test("MX7 a wrong `last` is refused with 4400", async () => {
  await using server = await startTestServer();
  for (const query of ["&last=x", "&last=-1", "&last=1.5", "&last=", "&last=51", "&last=1&last=2"]) {
    await using client = TestClient.open(await addressOf(server, "anna", query));
    expect((await client.closed).code).toBe(4400);
    expect(client.of("error")[0]).toMatchObject({ code: "bad_address" });
  }
});

test("MX7 a client that repeats the same request is `busy`, and retries later; others are not affected", async () => {
  await using server = await startTestServer({ env: UNMETERED });
  await using anna = await TestClient.connect(await addressOf(server, "anna"));
  await post(anna, 5, "x".repeat(50_000));
  const looks = Math.floor(MAX_RESENT_BYTES_PER_MINUTE / 250_000);
  let refused: TestClient | undefined;
  for (let i = 0; refused === undefined && i < looks + 3; i++) {
    // The ways of connecting one after the other: only the sent bytes count.
    const client = TestClient.open(await addressOf(server, "ben", i % 2 === 0 ? "&last=5" : "&after=0"));
    await Promise.race([client.closed, client.opened().then(() => client.settled().catch(() => {}))]);
    if (client.of("closing").length > 0) refused = client;
    client.socket.close();
    await client.closed;
  }
  const [error] = refused?.of("error") ?? [];
  const [closing] = refused?.of("closing") ?? [];
  expect(error).toMatchObject({ code: "busy", retry_after: closing!.retry_after! });
  expect(closing).toMatchObject({ code: 1013, reconnect: true });
  expect(closing!.retry_after).toBeGreaterThan(0);
  expect(closing!.retry_after).toBeLessThanOrEqual(60);
  await using cleo = await TestClient.connect(await addressOf(server, "cleo", "&last=5"));
  await cleo.settled();
  expect(allSeqs(cleo)).toEqual([1, 2, 3, 4, 5]);
});

test("MX7 D5 when the store fails meanwhile, the client is closed with a code after which it reconnects", async () => {
  const disturb = (engine: Engine) => overrideEngine(engine, { page: async () => undefined });
  await using server = await startTestServer({ env: UNMETERED, wrapEngine: disturb });
  await using anna = await TestClient.connect(await addressOf(server, "anna"));
  await post(anna, 70);
  await using ben = TestClient.open(await addressOf(server, "ben", "&last=66"));
  expect((await ben.closed).code).toBe(4400);
  await post(anna, 10, "x".repeat(30_000));
  await using cleo = TestClient.open(await addressOf(server, "cleo", "&last=50"));
  expect((await cleo.closed).code).toBe(1013);
  expect(cleo.frames.map(({ type }) => type)).toEqual(["error", "closing"]);
  expect(cleo.of("error")[0]).toMatchObject({ code: "unavailable" });
});
