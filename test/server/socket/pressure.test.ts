import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { ParleyFolder } from "../../cli/parley-folder.ts";
import { encodeFrame, OPCODE, RawSocket } from "../../support/clients/raw-socket.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { isLong } from "../../support/random.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { TEST_SECRET, testKeys } from "../../support/server/tokens.ts";

/** No limits except those of the connection itself. */
const OPEN = { BURST_RATE: "0", PLANS: "free:0:0", PRESENCE_GRACE: "0" };
const LARGE = "x".repeat(60_000);

async function targetOf(server: TestServer, user: string): Promise<string> {
  return `/ws/${user}/lobby?token=${await server.token(user)}`;
}

describe("B1 M3 RT-5 a reader that does not keep up", () => {
  test("B1 M3 it is closed with 1013 and may reconnect; its messages have no hole, and others have all", async () => {
    await using server = await startTestServer({ env: OPEN });
    await using slow = await RawSocket.handshake(server.port, await targetOf(server, "slow"));
    await slow.waitForFrame("welcome");
    slow.stopReading();
    await using writer = await TestClient.connect(`${server.wsUrl}${await targetOf(server, "writer")}`);
    await using reader = await TestClient.connect(`${server.wsUrl}${await targetOf(server, "reader")}`);
    let count = 0;
    const ended = () => server.log.entries.find(({ event }) => event === "connection.closing");
    // The kernel's buffers between take some megabytes before the server feels anything.
    for (; ended() === undefined && count < 500; count++) {
      writer.send({ type: "message", text: LARGE, id: `m${count}` });
      await writer.next("ack");
    }
    expect(ended()?.fields).toMatchObject({ user: "slow", close_code: 1013 });
    await reader.settled();
    expect(reader.of("message").map(({ seq }) => seq)).toEqual(
      Array.from({ length: count }, (_, i) => i + 1),
    );
    expect(writer.of("presence").at(-1)).toMatchObject({ user: "slow", state: "left" });

    slow.socket.resume();
    expect(await slow.waitForClose()).toEqual({ code: 1013, reason: "too slow or overloaded" });
    expect(slow.frames.at(-1)).toMatchObject({ type: "closing", code: 1013, reconnect: true });
    const seqs = slow.frames.flatMap((frame) => (frame.type === "message" ? [frame.seq] : []));
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, i) => i + 1));
    expect(seqs.length).toBeLessThanOrEqual(count);
  });

  test("B1 a client that sends requests without end and never reads the results is closed with 1013", async () => {
    await using server = await startTestServer({ env: OPEN });
    await using raw = await RawSocket.handshake(server.port, await targetOf(server, "anna"));
    await raw.waitForFrame("welcome");
    raw.stopReading();
    const ping = encodeFrame(OPCODE.text, Buffer.from(JSON.stringify({ type: "ping", id: "p".repeat(64) })));
    const pings = Buffer.concat(Array.from({ length: 1_000 }, () => ping));
    const ended = () => server.log.entries.some(({ fields }) => fields.close_code === 1013);
    for (let i = 0; !ended() && i < 200; i++) {
      raw.socket.write(pings);
      await new Promise(setImmediate);
    }
    expect(ended()).toBe(true);
  });
});

describe("B1 several pages of history on a slow connection", () => {
  // Forty of them are more than the kernel and MAX_UNSENT_BYTES hold together.
  test("B1 forty requests in a row close no client that reads in the end; the results come whole and in order", async () => {
    await using server = await startTestServer({ env: OPEN });
    await using writer = await TestClient.connect(`${server.wsUrl}${await targetOf(server, "writer")}`);
    const count = 6;
    for (let i = 1; i <= count; i++) {
      writer.send({ type: "message", text: LARGE, id: `m${i}` });
      await writer.next("ack");
    }
    const messages = writer.of("message").map(({ type: _, ...message }) => message);
    await using slow = await RawSocket.handshake(server.port, await targetOf(server, "slow"));
    await slow.waitForFrame("welcome");
    slow.stopReading();
    const ids = Array.from({ length: 40 }, (_, i) => `h${i}`);
    for (const id of ids) slow.sendJson({ type: "history", limit: count, id });
    slow.sendJson({ type: "message", text: "after all", id: "last" });
    // Time for the server to send its replies.
    for (let i = 0; i < 100; i++) {
      writer.send({ type: "ping", id: `p${i}` });
      await writer.next("pong");
    }
    slow.socket.resume();
    await slow.waitForFrame("ack");
    const quota = null;
    const answers = slow.frames.filter(({ type }) => type === "history" || type === "ack");
    expect(answers).toEqual([
      ...ids.map((id) => ({ type: "history" as const, messages, more: false, quota, id })),
      { type: "ack", id: "last", seq: count + 1, at: expect.any(Number), quota },
    ]);
    expect(server.log.entries.filter(({ event }) => event === "connection.closing")).toEqual([]);
  });
});

describe("B2 memory under a flood, measured on a real process", () => {
  // Memory of another process is read where Linux shows it.
  test.skipIf(process.platform !== "linux")(
    "B2 B1 a writer that never stops and readers that never read leave it constant",
    async () => {
      await using folder = new ParleyFolder();
      const server = await folder.serve([], { ...OPEN, SECRET_KEY: TEST_SECRET, LOG_LEVEL: "error" });
      const port = Number(new URL(server.url).port);
      const join = async (user: string) => {
        const token = await signToken(await testKeys(), { subject: user, now: Date.now() });
        return RawSocket.handshake(port, `/ws/${user}/lobby?token=${token}`);
      };
      const writer = await join("writer");
      let acks = 0;
      let sent = 0;
      const countAcks = () => {
        acks += writer.frames.filter(({ type }) => type === "ack").length;
        writer.frames.length = 0;
        return acks;
      };
      /** Stays 500 messages ahead of the acks: the server may process 32, the rest waits in the connection. */
      const flood = async (messages: number, text: string) => {
        for (const goal = sent + messages; sent < goal; ) {
          await writer.waitUntil(() => sent - countAcks() < 500, "acks");
          for (let i = 0; i < 100; i++) writer.sendJson({ type: "message", text, id: `m${sent++}` });
        }
        await writer.waitUntil(() => countAcks() === sent, "acks of all messages");
      };
      await flood(isLong ? 15_000 : 8_000, "x".repeat(1_000));
      // By now the heap has the size it works with.
      const before = residentMegabytes(server.process.pid);
      const readers = await Promise.all(["a", "b", "c", "d"].map(join));
      for (const reader of readers) reader.stopReading();
      // 20 or 30 MB come in, and each of the four readers is owed as much.
      await flood(isLong ? 30_000 : 20_000, "x".repeat(1_000));
      const rude = await join("rude");
      rude.stopReading();
      for (let i = 0; i < 10_000; i++) rude.sendJson({ type: "message", text: "x".repeat(1_000) });
      const left = () =>
        writer.frames.some(
          (frame) => frame.type === "presence" && frame.state === "left" && frame.user === "rude",
        );
      await writer.waitUntil(left, "leave of the rude writer");
      // What is owed to the readers and comes from the rude writer is 90 MB or more. On a busy machine the collector lets up to 60 MB grow.
      expect(residentMegabytes(server.process.pid) - before).toBeLessThan(80);
      for (const raw of [writer, rude, ...readers]) await raw[Symbol.asyncDispose]();
    },
  );
});

function residentMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}
