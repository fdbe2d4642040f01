import { describe, expect, test } from "bun:test";
import { MAX_FRAME_BYTES } from "../../../src/protocol/limits.ts";
import { join, joinRaw } from "../../support/clients/join.ts";
import { OPCODE, RawSocket } from "../../support/clients/raw-socket.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** A `message` frame of exactly `bytes` bytes of UTF-8. */
function messageOf(bytes: number): string {
  const frame = (text: string) => JSON.stringify({ type: "message", id: "m1", text });
  return frame("a".repeat(bytes - frame("").length));
}

describe("M1 frames that close the socket", () => {
  test("M1 a frame of 64 KiB passes, and comes back whole", async () => {
    await using server = await startTestServer();
    await using raw = await joinRaw(server);
    raw.send(OPCODE.text, messageOf(MAX_FRAME_BYTES));
    expect(await raw.waitForFrame("ack")).toMatchObject({ id: "m1", seq: 1 });
    expect(await raw.waitForFrame("message")).toMatchObject({
      text: JSON.parse(messageOf(MAX_FRAME_BYTES)).text,
    });
  });

  test("M1 one byte more gets `too_large`, and a close with 1009", async () => {
    await using server = await startTestServer();
    // Fewer characters than the limit, but more bytes: it is the bytes that count.
    const umlauts = JSON.stringify({ type: "message", text: "ä".repeat(MAX_FRAME_BYTES / 2) });
    for (const text of [messageOf(MAX_FRAME_BYTES + 1), umlauts]) {
      await using raw = await joinRaw(server);
      raw.send(OPCODE.text, text);
      expect(await raw.waitForClose()).toEqual({ code: 1009, reason: "frame too large" });
      expect(raw.frames.slice(-2)).toEqual([
        expect.objectContaining({ type: "error", code: "too_large" }),
        { type: "closing", code: 1009, reason: "frame too large", reconnect: false },
      ]);
    }
  });

  test("M1 RT-8 a frame over twice the limit is cut off by the runtime, and the server survives", async () => {
    await using server = await startTestServer();
    await using other = await join(server, "ben");
    await using raw = await joinRaw(server);
    raw.send(OPCODE.text, "a".repeat(MAX_FRAME_BYTES * 2 + 1));
    await raw.closed;
    expect(raw.closeFrame?.code).toBe(1009);
    await other.settled();
    expect(await other.next("presence")).toMatchObject({ user: "anna", state: "joined" });
    expect(await other.next("presence")).toMatchObject({ user: "anna", state: "left" });
  });

  test("M1 a binary frame is closed with 1003", async () => {
    await using server = await startTestServer();
    await using raw = await joinRaw(server);
    raw.send(OPCODE.binary, JSON.stringify({ type: "ping" }));
    expect(await raw.waitForClose()).toEqual({ code: 1003, reason: "text frames only" });
    expect(raw.frames.at(-1)).toMatchObject({ type: "closing", code: 1003, reconnect: false });
  });

  test("M1 RT-14 invalid UTF-8 is closed with 1007, and nothing of it is delivered", async () => {
    await using server = await startTestServer();
    await using other = await join(server, "ben");
    const invalid = Buffer.concat([
      Buffer.from('{"type":"message","text":"'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}'),
    ]);
    await using raw = await joinRaw(server);
    raw.send(OPCODE.text, invalid);
    await raw.closed;
    expect(raw.closeFrame?.code).toBe(1007);
    await other.settled();
    expect(other.of("message")).toEqual([]);
  });

  test("M1 RT-8 a Close frame with a forbidden code ends that socket only", async () => {
    await using server = await startTestServer();
    await using other = await join(server, "ben");
    for (const code of [0, 999, 1005, 1006, 1015, 5000, 65535]) {
      await using raw = await joinRaw(server);
      const payload = Buffer.alloc(2);
      payload.writeUInt16BE(code);
      raw.send(OPCODE.close, payload);
      await raw.closed;
    }
    await other.settled();
  });
});

describe("M1 frames that get an error, and leave the socket open", () => {
  test("M1 each error has its code, and the id if there is one, and costs nothing", async () => {
    await using server = await startTestServer();
    await using anna = await join(server, "anna");
    const faults: readonly (readonly [text: string, answer: object])[] = [
      ["hello", { code: "malformed" }],
      ["[]", { code: "malformed" }],
      ['{"text":"x"}', { code: "malformed" }],
      ['{"type":"shout","id":"f1"}', { code: "unknown_type", id: "f1" }],
      [
        '{"type":"message","id":"f2"}',
        { code: "invalid", id: "f2", message: "`text`: must not be empty in a message without `data`." },
      ],
      ['{"type":"message","text":"x","id":"f3","data":7}', { code: "invalid", id: "f3" }],
      [
        `{"type":"message","text":"x","id":"f4","data":${'{"a":'.repeat(17)}1${"}".repeat(17)}}`,
        { code: "too_large", id: "f4" },
      ],
      ['{"type":"message","text":"x","id":"f5","data":{"__proto__":{"a":1}}}', { code: "invalid", id: "f5" }],
    ];
    for (const [text, answer] of faults) {
      anna.send(text);
      expect(await anna.next("error")).toMatchObject(answer);
    }
    anna.send({ type: "message", text: "still here", id: "m1" });
    expect(await anna.next("ack")).toMatchObject({ seq: 1, quota: { remaining: 99 } });
  });

  test("M1 keys that name parts of objects are data: they are returned unchanged, and pollute nothing", async () => {
    await using server = await startTestServer();
    await using anna = await join(server, "anna");
    const data = '{"constructor":{"prototype":{"polluted":true}},"toString":"x","hasOwnProperty":0}';
    anna.send(`{"type":"message","text":"x","id":"constructor","data":${data}}`);
    expect(JSON.stringify((await anna.next("message")).data)).toBe(data);
    anna.send({ type: "history" });
    expect(JSON.stringify((await anna.next("history")).messages[0]?.data)).toBe(data);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("M1 names of users and conversations that are names of object parts are names like any other", async () => {
    await using server = await startTestServer();
    for (const name of ["__proto__", "constructor", "toString"]) {
      // Names of conversations that begin with `_` are given by the server (MB1).
      const conversation = name.replaceAll("_", "");
      const url = `${server.wsUrl}/ws/${name}/${conversation}?token=${await server.token(name)}`;
      await using client = await TestClient.connect(url);
      client.send({ type: "message", text: "x", id: name });
      expect(await client.next("ack")).toMatchObject({ id: name, seq: 1, quota: { remaining: 99 } });
    }
  });
});

describe("M5 content of replies", () => {
  test("M5 no reply to any of many invalid frames contains a stack, a folder, a file, SQL or a version", async () => {
    await using server = await startTestServer();
    await using anna = await join(server, "anna");
    const texts = [
      "{",
      '{"type":"message","text":"\\ud800","id":"s1"}',
      `{"type":"message","text":"x'; drop table messages; --","id":"q1' or 1=1"}`,
      '{"type":"history","before":1e400}',
      '{"type":"history","before":9007199254740993}',
      '{"type":"history","after":-1}',
      `{"type":"message","text":"x","data":{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}}`,
      '{"type":"message","text":{"toString":1}}',
      '{"type":"message","text":"x","id":"\\u0000"}',
    ];
    for (const text of texts) anna.send(text);
    await anna.settled();
    const said = anna.frames.filter(({ type }) => type === "error").map((frame) => JSON.stringify(frame));
    expect(said.length).toBeGreaterThan(4);
    for (const one of said)
      expect(one).not.toMatch(
        / at |\.ts|\.js|\/work|\/tmp|SELECT|INSERT|sqlite|zod|bun|Error:|\d+\.\d+\.\d+/i,
      );
  });
});

describe("M2 floods", () => {
  test("M2 a flood of frames is warned about and then closed with 4429; others are not affected", async () => {
    await using server = await startTestServer({ clock: new ManualClock() });
    await using other = await join(server, "ben");
    await using raw = await joinRaw(server);
    for (let i = 0; i < 161; i++) raw.sendJson({ type: "ping" });
    expect(await raw.waitForClose()).toEqual({ code: 4429, reason: "flooding" });
    expect(raw.frames.filter(({ type }) => type === "warning")).toHaveLength(3);
    expect(raw.frames.slice(-2)).toEqual([
      expect.objectContaining({ type: "error", code: "flooding" }),
      expect.objectContaining({ type: "closing", code: 4429, reconnect: false }),
    ]);
    other.send({ type: "message", text: "unharmed", id: "m1" });
    expect(await other.next("ack")).toMatchObject({ id: "m1" });
  });

  test("M2 control frames count too, also before the client is authenticated", async () => {
    await using server = await startTestServer({ clock: new ManualClock() });
    for (const opcode of [OPCODE.ping, OPCODE.pong]) {
      await using raw = await joinRaw(server);
      for (let i = 0; i < 161; i++) raw.send(opcode, "");
      expect(await raw.waitForClose()).toEqual({ code: 4429, reason: "flooding" });
    }
    await using stranger = await RawSocket.handshake(server.port, "/ws/anna/lobby");
    for (let i = 0; i < 161; i++) stranger.send(OPCODE.ping, "");
    expect(await stranger.waitForClose()).toEqual({ code: 4429, reason: "flooding" });
  });
});

describe("Q4 a client that follows only the brief", () => {
  test("Q1 Q4 of 101 quick messages exactly 100 are accepted; the last is refused, and the socket still receives", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock });
    await using ben = await join(server, "ben");
    await using user1 = await join(server, "user1");
    for (let i = 1; i <= 101; i++) user1.send({ type: "message", text: `message ${i}`, id: `m${i}` });
    const refusal = await user1.next("error");
    expect(refusal).toEqual({
      type: "error",
      code: "rate_limited",
      message: expect.stringContaining("All 100 requests of this hour are used"),
      id: "m101",
      retry_after: 3_600,
      quota: { limit: 100, remaining: 0, reset: 3_600 },
    });
    expect(user1.of("ack").map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    ben.send({ type: "message", text: "still connected?", id: "b1" });
    await ben.next("ack");
    await user1.settled();
    expect(user1.of("message").at(-1)).toMatchObject({ from: "ben", text: "still connected?" });
    expect(user1.socket.readyState).toBe(WebSocket.OPEN);
  });

  test("Q1 Q3 the next one is accepted at the named millisecond, and not before, on any socket", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock, env: { PLANS: "free:2:5" } });
    // A new socket each time: when an hour passes in one step, no ping gets a pong.
    const ask = async (id: string, answer: "ack" | "error") => {
      await using anna = await join(server, "anna");
      anna.send({ type: "message", text: "x", id });
      return await anna.next(answer);
    };
    await ask("m1", "ack");
    clock.advance(1_000);
    await ask("m2", "ack");
    expect(await ask("m3", "error")).toMatchObject({ code: "rate_limited", retry_after: 3_599 });
    clock.advance(3_599_000 - 1);
    expect(await ask("m3", "error")).toMatchObject({ code: "rate_limited", retry_after: 0.001 });
    clock.advance(1);
    expect(await ask("m3", "ack")).toMatchObject({ id: "m3", quota: { remaining: 0 } });
  });
});
