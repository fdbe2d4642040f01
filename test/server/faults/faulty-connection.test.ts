import { describe, expect, test } from "bun:test";
import { join } from "../../support/clients/join.ts";
import { RawSocket } from "../../support/clients/raw-socket.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { ask, disturb, nameOf, post, startFaultServer } from "./fault-server.ts";

/** The texts of the messages that a client was sent. */
function texts(client: TestClient): string[] {
  return client.of("message").map(({ text }) => text);
}

describe("cut", () => {
  test("the connection ends without a close frame, and no other one does", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using anna = await join(server, "anna");
    await using other = await join(server, "anna");
    await disturb(server, anna, { do: "cut" });
    expect(await anna.closed).toMatchObject({ code: 1006 });
    expect(anna.of("closing")).toEqual([]);
    await other.settled();
  });

  test("no close frame is written on the wire", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using raw = await RawSocket.handshake(
      server.port,
      `/ws/anna/lobby?token=${await server.token("anna")}`,
    );
    const { connection } = (await raw.waitForFrame("welcome")) as { connection: string };
    await ask(server, "anna", connection, { do: "cut" });
    await raw.closed;
    expect(raw.closeFrame).toBeUndefined();
  });

  test("D3 D4 a message stored before a cut is stored once, and a reconnect gets the missed messages", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using ben = await join(server, "ben");
    await using anna = await join(server, "anna");
    await post(anna, "m1");
    const { epoch } = anna.of("welcome")[0]!;
    await disturb(server, anna, { do: "lose", next: "ack", count: 1 });
    await disturb(server, anna, { do: "lose", next: "message", count: 1 });
    anna.send({ type: "message", id: "m2", text: "m2" });
    while (texts(ben).at(-1) !== "m2") await ben.next("message");
    await disturb(server, anna, { do: "cut" });
    await anna.closed;
    await post(ben, "m3");
    expect(texts(anna)).toEqual(["m1"]);
    await using back = await join(server, "anna", { query: `&after=1&epoch=${epoch}` });
    back.send({ type: "message", id: "m2", text: "m2" });
    expect(await back.next("ack")).toMatchObject({ id: "m2", seq: 2, duplicate: true });
    expect(back.of("welcome")[0]?.resumed).toBe(true);
    expect(texts(back)).toEqual(["m2", "m3"]);
    expect(texts(ben)).toEqual(["m1", "m2", "m3"]);
  });
});

describe("freeze", () => {
  test("the server neither writes nor reads for a while; then all continues in order, and others are not affected", async () => {
    await using bench = await startFaultServer();
    const { server, clock } = bench;
    await using ben = await join(server, "ben");
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "freeze", seconds: 20 });
    const before = anna.frames.length;
    for (const id of ["b1", "b2", "b3"]) await post(ben, id);
    anna.send({ type: "message", id: "a1", text: "a1" });
    clock.advance(19_900);
    await ben.settled();
    await ben.settled();
    expect(anna.frames).toHaveLength(before);
    expect(texts(ben)).toEqual(["b1", "b2", "b3"]);
    clock.advance(200);
    expect(await anna.next("ack")).toMatchObject({ id: "a1", seq: 4 });
    expect(texts(anna)).toEqual(["b1", "b2", "b3", "a1"]);
    expect(anna.of("message").map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  test("thaw ends it at once; a second freeze starts over", async () => {
    await using bench = await startFaultServer();
    const { server, clock } = bench;
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "freeze", seconds: 600 });
    anna.send({ type: "message", id: "a1", text: "a1" });
    await disturb(server, anna, { do: "thaw" });
    await anna.next("ack");
    await disturb(server, anna, { do: "thaw" });
    await disturb(server, anna, { do: "freeze", seconds: 5 });
    await disturb(server, anna, { do: "freeze", seconds: 10 });
    anna.send({ type: "message", id: "a2", text: "a2" });
    clock.advance(6_000);
    await using ben = await join(server, "ben");
    await ben.settled();
    expect(anna.of("ack")).toHaveLength(1);
    clock.advance(4_000);
    expect(await anna.next("ack")).toMatchObject({ id: "a2" });
  });

  test("I3 a connection frozen longer than a ping time-out is not lost, and received frames count as activity", async () => {
    await using bench = await startFaultServer({ INACTIVITY_TIMEOUT: "60" });
    const { server, clock } = bench;
    await using anna = await join(server, "anna");
    clock.advance(30_000);
    await anna.settled();
    await disturb(server, anna, { do: "freeze", seconds: 90 });
    anna.send({ type: "activity" });
    clock.advance(90_000);
    await anna.settled();
    clock.advance(1_000);
    await anna.settled();
    expect(anna.of("closing")).toEqual([]);
    expect(server.log.events()).not.toContain("connection.timed_out");
  });

  test("I3 a ping that was pending at the freeze is not missed; the next one is sent as usual", async () => {
    await using bench = await startFaultServer();
    const { server, clock } = bench;
    await using raw = await RawSocket.handshake(
      server.port,
      `/ws/anna/lobby?token=${await server.token("anna")}`,
    );
    const { connection } = (await raw.waitForFrame("welcome")) as { connection: string };
    clock.advance(28_000);
    await raw.waitUntil(() => raw.pings === 1, "ping");
    await ask(server, "anna", connection, { do: "freeze", seconds: 60 });
    clock.advance(60_500);
    await raw.waitUntil(() => raw.pings === 2, "second ping");
    expect(server.log.events()).not.toContain("connection.timed_out");
  });

  test("I2 an inactive client is warned after the freeze, and then closed", async () => {
    await using bench = await startFaultServer({ INACTIVITY_TIMEOUT: "60" });
    const { server, clock } = bench;
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "freeze", seconds: 90 });
    clock.advance(89_000);
    expect(anna.of("closing")).toEqual([]);
    clock.advance(2_000);
    expect(await anna.next("warning")).toMatchObject({ code: "inactivity", seconds: 6 });
    clock.advance(6_200);
    expect(await anna.closed).toMatchObject({ code: 4408 });
  });

  test("B1 a client that could not read a busy conversation is closed with 1013 afterwards, and resumes", async () => {
    await using bench = await startFaultServer({ MAX_UNSENT_BYTES: "65536" });
    const { server } = bench;
    await using ben = await join(server, "ben");
    await using anna = await join(server, "anna");
    const { epoch } = anna.of("welcome")[0]!;
    await disturb(server, anna, { do: "freeze", seconds: 600 });
    const text = "x".repeat(20_000);
    for (let i = 1; i <= 10; i++) await post(ben, `b${i}`, text);
    await disturb(server, anna, { do: "thaw" }).catch(() => {});
    bench.clock.advance(600_000);
    expect(await anna.closed).toEqual({ code: 1013, reason: "too slow or overloaded" });
    const seen = anna.of("message").map(({ seq }) => seq);
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(anna.frames.at(-1)).toMatchObject({ type: "closing", code: 1013, reconnect: true });
    await using back = await join(server, "anna", { query: `&after=4&epoch=${epoch}` });
    await back.settled();
    expect(back.of("message").map(({ seq }) => seq)).toEqual([5, 6, 7, 8, 9, 10]);
  });

  test("a client that leaves during a freeze is gone after it, and its lease is released", async () => {
    await using bench = await startFaultServer({ PLANS: "free:100:1" });
    const { server, clock } = bench;
    await using ben = await join(server, "ben");
    const path = `/ws/anna/lobby?token=${await server.token("anna")}`;
    const anna = await RawSocket.handshake(server.port, path);
    const { connection } = (await anna.waitForFrame("welcome")) as { connection: string };
    expect((await ask(server, "anna", connection, { do: "freeze", seconds: 5 })).status).toBe(200);
    anna.socket.destroy();
    await anna.closed;
    await ben.settled();
    await using early = TestClient.open(`${server.wsUrl}${path}`);
    expect(await early.closed).toMatchObject({ code: 4409 });
    clock.advance(5_000);
    while (!server.log.events().includes("connection.closed")) await ben.settled();
    await using back = await join(server, "anna");
    await back.settled();
  });

  test("W8 a frozen connection is replaced at once by its client's newer one, and ends when it thaws", async () => {
    await using bench = await startFaultServer({ PLANS: "free:100:1" });
    const { server, clock } = bench;
    await using ben = await join(server, "ben");
    await using frozen = await join(server, "anna", { query: "&client=tab" });
    await ben.next("presence");
    await disturb(server, frozen, { do: "freeze", seconds: 20 });
    await using newer = await join(server, "anna", { query: "&client=tab" });
    await post(newer, "m1");
    expect(frozen.of("closing")).toEqual([]);
    clock.advance(20_000);
    expect(await frozen.closed).toEqual({ code: 4410, reason: "replaced" });
    await post(newer, "m2");
    await ben.settled();
    expect(texts(ben)).toEqual(["m1", "m2"]);
    expect(ben.of("presence")).toHaveLength(1);
    await using refused = TestClient.open(
      `${server.wsUrl}/ws/anna/lobby?token=${await server.token("anna")}&client=other`,
    );
    expect((await refused.closed).code).toBe(4409);
  });

  test("a frozen connection does not delay the server's end", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    const anna = await join(server, "anna");
    await disturb(server, anna, { do: "freeze", seconds: 600 });
    await server.stop();
    expect(await anna.closed).toMatchObject({ code: 1012 });
  });
});

describe("delay", () => {
  test("all frames come late in both directions, in order; other connections are not affected", async () => {
    await using bench = await startFaultServer();
    const { server, clock } = bench;
    await using ben = await join(server, "ben");
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "delay", milliseconds: 500 });
    anna.send({ type: "message", id: "a1", text: "a1" });
    anna.send({ type: "message", id: "a2", text: "a2" });
    await post(ben, "b1");
    // Anna's messages have arrived by now, and wait.
    await ben.settled();
    clock.advance(499);
    await ben.settled();
    expect(texts(ben)).toEqual(["b1"]);
    expect(texts(anna)).toEqual([]);
    clock.advance(6);
    expect(await anna.next("message")).toMatchObject({ text: "b1" });
    while (texts(ben).length < 3) await ben.next("message");
    expect(texts(ben)).toEqual(["b1", "a1", "a2"]);
    expect(texts(anna)).toEqual(["b1"]);
    clock.advance(510);
    expect(await anna.next("ack")).toMatchObject({ id: "a1" });
    expect(await anna.next("ack")).toMatchObject({ id: "a2" });
    expect(texts(anna)).toEqual(["b1", "a1", "a2"]);
  });

  test("0 ends it: waiting frames come at once, and later ones are not late", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using ben = await join(server, "ben");
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "delay", milliseconds: 60_000 });
    for (const id of ["b1", "b2"]) await post(ben, id);
    await disturb(server, anna, { do: "delay", milliseconds: 0 });
    await post(ben, "b3");
    await anna.settled();
    expect(texts(anna)).toEqual(["b1", "b2", "b3"]);
  });

  test("D3 a message before a close arrives; one before a cut may be lost, and never comes twice", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using ben = await join(server, "ben");
    for (const [id, end] of [
      ["closed", (client: TestClient) => client.socket.close()],
      ["cut", (client: TestClient) => disturb(server, client, { do: "cut" })],
    ] as const) {
      const anna = await join(server, "anna");
      await disturb(server, anna, { do: "delay", milliseconds: 1_000 });
      anna.send({ type: "message", id, text: id });
      await ben.settled();
      await end(anna);
      await anna.closed;
    }
    await using back = await join(server, "anna");
    back.send({ type: "message", id: "closed", text: "closed" });
    expect(await back.next("ack")).toMatchObject({ seq: 1, duplicate: true });
    expect(await post(back, "cut")).toBe(2);
    expect(texts(ben)).toEqual(["closed", "cut"]);
  });

  test("frames that wait at the end come before the close caused by an earlier frame", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using ben = await join(server, "ben");
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "delay", milliseconds: 60_000 });
    anna.send(new Uint8Array([1]));
    await post(ben, "b1");
    await ben.settled();
    await disturb(server, anna, { do: "delay", milliseconds: 0 });
    expect(await anna.closed).toMatchObject({ code: 1003 });
    expect(anna.frames.slice(-2).map(({ type }) => type)).toEqual(["message", "closing"]);
  });

  test("D4 a client that resumes on a slow connection gets all missed messages", async () => {
    const count = 160;
    await using bench = await startFaultServer({ PLANS: "free:10000:5", BURST_RATE: "0" });
    const { server, clock } = bench;
    await using ben = await join(server, "ben");
    for (let i = 1; i <= count; i++) ben.send({ type: "message", id: `b${i}`, text: "x".repeat(60_000) });
    while (ben.of("ack").length < count) await ben.next("ack");
    const query = `token=${await server.token("anna")}&after=0&epoch=${ben.of("welcome")[0]!.epoch}`;
    await using raw = await RawSocket.handshake(server.port, `/ws/anna/lobby?${query}`);
    const { connection } = (await raw.waitForFrame("welcome")) as { connection: string };
    // More than the buffers between hold: the server still has pages to send.
    raw.stopReading();
    await ask(server, "anna", connection, { do: "delay", milliseconds: 20 });
    raw.socket.resume();
    const messages = () => raw.frames.filter((frame) => frame.type === "message");
    for (let i = 0; messages().length < count && i < 5_000; i++) {
      clock.advance(5);
      await new Promise(setImmediate);
    }
    expect(messages().map((frame) => (frame as { seq: number }).seq)).toEqual(
      Array.from({ length: count }, (_, i) => i + 1),
    );
  });

  test("B2 a flood on a slow connection is not read any further, and is closed as a flood", async () => {
    await using bench = await startFaultServer();
    const { server, clock } = bench;
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "delay", milliseconds: 1_000 });
    for (let i = 0; i < 2_000; i++) anna.send({ type: "ping" });
    for (let i = 0; anna.socket.readyState !== WebSocket.CLOSED && i < 1_000; i++) {
      clock.advance(5);
      await new Promise(setImmediate);
    }
    expect(await anna.closed).toMatchObject({ code: 4429 });
  });
});

describe("lose", () => {
  test("D3 the next ack is lost; the repeated message is stored once, charged once, and acked", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using ben = await join(server, "ben");
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "lose", next: "ack", count: 1 });
    anna.send({ type: "message", id: "a1", text: "a1" });
    await anna.next("message");
    await anna.settled();
    expect(anna.of("ack")).toEqual([]);
    anna.send({ type: "message", id: "a1", text: "a1" });
    expect(await anna.next("ack")).toMatchObject({ seq: 1, duplicate: true, quota: { remaining: 99 } });
    await ben.settled();
    expect(texts(ben)).toEqual(["a1"]);
  });

  test("D1 lost messages leave a hole for this connection only, also among many listeners", async () => {
    await using bench = await startFaultServer({ PLANS: "free:100:20" });
    const { server } = bench;
    const others = await Promise.all(Array.from({ length: 6 }, () => join(server, "cleo")));
    await using ben = await join(server, "ben");
    await using anna = await join(server, "anna");
    await post(ben, "b1");
    await disturb(server, anna, { do: "lose", next: "message", count: 2 });
    for (const id of ["b2", "b3", "b4"]) await post(ben, id);
    await anna.settled();
    expect(anna.of("message").map(({ seq }) => seq)).toEqual([1, 4]);
    for (const other of others) {
      await other.settled();
      expect(other.of("message").map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
      other.socket.close();
    }
  });

  test("0 cancels pending losses, and each type counts separately", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "lose", next: "ack", count: 5 });
    await disturb(server, anna, { do: "lose", next: "message", count: 1 });
    await disturb(server, anna, { do: "lose", next: "ack", count: 0 });
    expect(await post(anna, "a1")).toBe(1);
    await anna.settled();
    expect(texts(anna)).toEqual([]);
  });
});

test("faults of a connection end with it", async () => {
  await using bench = await startFaultServer();
  const { server } = bench;
  const anna = await join(server, "anna");
  await disturb(server, anna, { do: "lose", next: "ack", count: 100 });
  await disturb(server, anna, { do: "delay", milliseconds: 60_000 });
  anna.socket.close();
  await anna.closed;
  await using back = await join(server, "anna");
  expect(nameOf(back)).not.toBe(nameOf(anna));
  expect(await post(back, "a1")).toBe(1);
});
