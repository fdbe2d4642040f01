import { describe, expect, test } from "bun:test";
import type { ServerFrame } from "../../../../src/protocol/server-frames.ts";
import { RawSocket } from "../../../support/clients/raw-socket.ts";
import type { TestClient } from "../../../support/clients/test-client.ts";
import { startTestServer, type TestServer } from "../../../support/server/test-server.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { connectUser, open } from "./user-client.ts";

/** No limits except those of the connection itself. */
const OPEN = { BURST_RATE: "0", PLANS: "free:0:0", PRESENCE_GRACE: "0", INACTIVITY_TIMEOUT: "0" };
const LARGE = "x".repeat(60_000);

/** The socket of `slow`, with `busy` and `calm` open, which reads no more. */
async function openSlow(server: TestServer): Promise<RawSocket> {
  const slow = await RawSocket.handshake(server.port, `/ws/slow?token=${await server.token("slow")}`);
  await slow.waitForFrame("welcome");
  slow.sendJson({ type: "open", conversations: [{ conversation: "busy" }, { conversation: "calm" }] });
  await slow.waitUntil(
    () => slow.frames.filter(({ type }) => type === "opened").length === 2,
    "two `opened`",
  );
  slow.stopReading();
  return slow;
}

async function post(writer: TestClient, conversation: string, text: string): Promise<void> {
  writer.send({ type: "message", conversation, text, id: crypto.randomUUID() });
  await writer.next("ack");
}

function of(frames: readonly ServerFrame[], conversation: string): ServerFrame[] {
  return frames.filter((frame) => "conversation" in frame && frame.conversation === conversation);
}

describe("MX4 a socket of a user on a slow line", () => {
  // With enough listeners the runtime copies messages to them itself: a slow one among them is found all the same.
  test.each([0, 6])(
    "MX4 beside %d listeners the busy conversation is closed as `behind`, and not the socket; the calm one misses nothing",
    async (others) => {
      await using server = await startTestServer({ env: OPEN });
      await using stack = new AsyncDisposableStack();
      const listeners = await Promise.all(
        Array.from({ length: others }, async (_, i) => stack.use(await connectUser(server, `user-${i}`))),
      );
      for (const listener of listeners) await open(listener, "busy");
      await using slow = await openSlow(server);
      await using writer = await connectUser(server, "writer");
      await post(writer, "calm", "before");
      const closed = () => server.log.entries.find(({ event }) => event === "conversation.closed");
      let count = 0;
      // The kernel's buffers between take some megabytes before the server feels anything.
      for (; closed() === undefined && count < 500; count++) await post(writer, "busy", LARGE);
      expect(closed()?.fields).toMatchObject({ user: "slow", conversation: "busy", code: "behind" });
      await post(writer, "busy", "after the end");
      for (const listener of listeners) {
        const isNewest = (frame: ServerFrame) => frame.type === "message" && frame.text === "after the end";
        await waitUntil("every listener has all messages", () => listener.frames.some(isNewest));
        expect(listener.of("message").map(({ seq }) => seq)).toEqual(
          Array.from({ length: count + 1 }, (_, i) => i + 1),
        );
      }
      await post(writer, "calm", "after");
      slow.socket.resume();
      const isLast = (frame: ServerFrame) => frame.type === "message" && frame.text === "after";
      await slow.waitUntil(() => slow.frames.some(isLast), "the last message");
      const busy = of(slow.frames, "busy");
      expect(busy.at(-1)).toEqual({
        type: "closed",
        conversation: "busy",
        code: "behind",
        message: expect.any(String),
        retry_after: 1,
      });
      const seqs = busy.flatMap((frame) => (frame.type === "message" ? [frame.seq] : []));
      expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, i) => i + 1));
      expect(seqs.length).toBeLessThan(count);
      const calm = of(slow.frames, "calm").flatMap((frame) => (frame.type === "message" ? [frame.text] : []));
      expect(calm).toEqual(["before", "after"]);

      // It comes back with what it has, and gets the rest.
      slow.sendJson({ type: "open", conversations: [{ conversation: "busy", after: seqs.length }] });
      const newest = () => of(slow.frames, "busy").at(-1);
      await slow.waitUntil(() => {
        const frame = newest();
        return frame?.type === "message" && frame.text === "after the end";
      }, "all missed messages");
      const all = of(slow.frames, "busy").flatMap((frame) => (frame.type === "message" ? [frame.seq] : []));
      expect(all).toEqual(Array.from({ length: count + 1 }, (_, i) => i + 1));
      expect(server.log.entries.filter(({ event }) => event === "connection.closing")).toEqual([]);
    },
  );

  test("MX4 MX2 an answer in another conversation, and a `pong`, go before the backlog of a busy one", async () => {
    await using server = await startTestServer({ env: { ...OPEN, MAX_UNSENT_BYTES: "104857600" } });
    await using slow = await openSlow(server);
    await using writer = await connectUser(server, "writer");
    for (let i = 0; i < 400; i++) await post(writer, "busy", LARGE);
    slow.sendJson({ type: "message", conversation: "calm", text: "hi", id: "a1" });
    slow.sendJson({ type: "ping", id: "p1" });
    // The server has handled both when the message is there for others.
    await open(writer, "calm");
    await writer.settled();
    slow.socket.resume();
    await slow.waitUntil(
      () => of(slow.frames, "busy").filter(({ type }) => type === "message").length === 400,
      "all",
    );
    const types = slow.frames.map((frame) =>
      frame.type === "message" && frame.conversation === "busy" ? "busy" : frame.type,
    );
    // 24 MB were sent, and the kernel holds at most some of them.
    for (const type of ["ack", "pong"])
      expect(
        types.slice(types.indexOf(type as ServerFrame["type"])).filter((one) => one === "busy").length,
      ).toBeGreaterThan(20);
    const seqs = of(slow.frames, "busy").flatMap((frame) => (frame.type === "message" ? [frame.seq] : []));
    expect(seqs).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
  });

  test("MX4 M3 a client that never reads answers that no conversation owes is closed with 1013", async () => {
    await using server = await startTestServer({ env: OPEN });
    await using slow = await openSlow(server);
    const ended = () => server.log.entries.some(({ fields }) => fields.close_code === 1013);
    for (let i = 0; !ended() && i < 200; i++) {
      for (let k = 0; k < 1_000; k++) slow.sendJson({ type: "ping", id: "p".repeat(64) });
      await new Promise(setImmediate);
    }
    expect(ended()).toBe(true);
  });
});
