import { expect, test } from "bun:test";
import type { Engine } from "../../../../src/core/ports/engine.ts";
import { RawSocket } from "../../../support/clients/raw-socket.ts";
import { SOCKETS } from "../../../support/clients/sockets.ts";
import { TestClient } from "../../../support/clients/test-client.ts";
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

function seqs(client: TestClient): number[] {
  return client.of("message").map(({ seq }) => seq);
}

function upTo(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

test.each(SOCKETS)(
  "D4 after a short break a client gets the missed messages from the buffer, then live ones (%s)",
  async (_kind, connect) => {
    await using server = await startTestServer({ env: UNMETERED });
    await using anna = await connect(await addressOf(server, "anna"));
    await post(anna, 10);
    await using ben = await connect(await addressOf(server, "ben", "&after=4"));
    expect(ben.of("welcome")[0]).toMatchObject({ seq: 10, resumed: true });
    expect(ben.of("welcome")[0]?.lost).toBeUndefined();
    await post(anna, 5);
    await ben.settled();
    await ben.settled();
    expect(seqs(ben)).toEqual(upTo(5, 15));
  },
);

test.each(SOCKETS)(
  "D4 after a long break it gets them from the store, page by page, without a gap while others post (%s)",
  async (_kind, connect) => {
    await using server = await startTestServer({ env: UNMETERED });
    await using anna = await connect(await addressOf(server, "anna"));
    await post(anna, 1_500);
    const readers: TestClient[] = [];
    for (const after of [0, 1, 700, 1_400, 1_499, 1_500]) {
      readers.push(TestClient.open(await addressOf(server, "ben", `&after=${after}`)));
      await post(anna, 50);
    }
    for (const [i, after] of [0, 1, 700, 1_400, 1_499, 1_500].entries()) {
      const reader = readers[i]!;
      while ((seqs(reader).at(-1) ?? 0) < 1_800) await reader.next("message");
      expect(seqs(reader)).toEqual(upTo(after + 1, 1_800));
      expect(reader.frames[0]?.type).toBe("welcome");
      reader.socket.close();
    }
  },
);

test.each(SOCKETS)(
  "D4 requests of a client that catches up get their results afterwards, in the order of seq (%s)",
  async (_kind, connect) => {
    await using server = await startTestServer({ env: UNMETERED });
    await using anna = await connect(await addressOf(server, "anna"));
    await post(anna, 900);
    await using ben = TestClient.open(await addressOf(server, "ben", "&after=0"));
    await ben.opened();
    ben.send({ type: "message", text: "early", id: "early" });
    const ack = await ben.next("ack");
    expect(ack.seq).toBe(901);
    const order = ben.frames.flatMap((frame) =>
      frame.type === "message" || frame.type === "ack" ? [frame.seq] : [],
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(seqs(ben)).toEqual(upTo(1, 901));
  },
);

test.each(SOCKETS)(
  "D5 another epoch, or a seq that was never assigned, is not resumed, and the client is notified (%s)",
  async (_kind, connect) => {
    await using server = await startTestServer({ env: UNMETERED });
    await using anna = await connect(await addressOf(server, "anna"));
    await post(anna, 3);
    const { epoch } = anna.of("welcome")[0]!;
    for (const query of ["&after=1&epoch=another", "&after=4", `&after=9&epoch=${epoch}`]) {
      await using ben = await connect(await addressOf(server, "ben", query));
      expect(ben.of("welcome")[0]).toMatchObject({ resumed: false, epoch, seq: 3 });
      await ben.settled();
      expect(seqs(ben)).toEqual([]);
    }
    await using cleo = await connect(await addressOf(server, "cleo", `&after=1&epoch=${epoch}`));
    expect(cleo.of("welcome")[0]).toMatchObject({ resumed: true });
  },
);

test("W1 B3 an invalid or repeated `after` is refused after the upgrade with 4400", async () => {
  await using server = await startTestServer();
  for (const query of [
    "&after=x",
    "&after=-1",
    "&after=1.5",
    "&after=",
    "&after=1&after=2",
    "&epoch=a&epoch=b",
  ]) {
    await using client = TestClient.open(await addressOf(server, "anna", query));
    expect((await client.closed).code).toBe(4400);
    expect(client.of("error")[0]).toMatchObject({ code: "bad_address" });
  }
});

// A store that fails while a client catches up must not look like a conversation without messages.
test("D5 when the store fails in the middle, the client is closed with a code after which it reconnects", async () => {
  let fail = false;
  const disturb = (engine: Engine) =>
    overrideEngine(engine, {
      page: async (...request) => (fail ? undefined : engine.page(...request)),
    });
  await using server = await startTestServer({ env: UNMETERED, wrapEngine: disturb });
  await using anna = await TestClient.connect(await addressOf(server, "anna"));
  await post(anna, 300);
  fail = true;
  await using ben = TestClient.open(await addressOf(server, "ben", "&after=0"));
  expect((await ben.closed).code).toBe(1013);
  expect(ben.of("closing")[0]).toMatchObject({ reconnect: true });
});

test("B1 RT-15 a slow reader that catches up is sent page by page, and is not closed", async () => {
  await using server = await startTestServer({ env: { ...UNMETERED, MAX_UNSENT_BYTES: "65536" } });
  await using anna = await TestClient.connect(await addressOf(server, "anna"));
  await post(anna, 300, "x".repeat(30_000));
  const target = `/ws/ben/lobby?token=${await server.token("ben")}&after=0`;
  await using ben = await RawSocket.handshake(server.port, target);
  // Reads what has come, then leaves the line alone for a moment: the kernel's buffers fill up each time.
  const slow = setInterval(() => (ben.socket.isPaused() ? ben.socket.resume() : ben.socket.pause()), 3);
  const received = () => ben.frames.filter(({ type }) => type === "message").length;
  await ben.waitUntil(
    () => received() === 300 || ben.frames.some(({ type }) => type === "closing"),
    "all messages",
  );
  clearInterval(slow);
  expect(ben.frames.filter(({ type }) => type === "closing")).toEqual([]);
  expect(received()).toBe(300);
});
