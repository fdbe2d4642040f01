import { describe, expect, test } from "bun:test";
import { ParleyFolder } from "../../cli/parley-folder.ts";
import { OPCODE, RawSocket } from "../../support/clients/raw-socket.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { overrideEngine } from "../../support/server/override-engine.ts";
import { startTestServer } from "../../support/server/test-server.ts";

describe("RT-9 L1 stop", () => {
  test("L1 each client gets 1012 and the time to reconnect, spread over DRAIN_SECONDS", async () => {
    const server = await startTestServer({ env: { DRAIN_SECONDS: "8" } });
    const clients: TestClient[] = [];
    for (const user of ["anna", "ben", "cleo", "dora"])
      clients.push(
        await TestClient.connect(`${server.wsUrl}/ws/${user}/lobby?token=${await server.token(user)}`),
      );
    await server.stop();
    const after: (number | undefined)[] = [];
    for (const client of clients) {
      expect(await client.closed).toEqual({ code: 1012, reason: "restarting" });
      const closing = client.frames.at(-1);
      expect(closing).toMatchObject({ type: "closing", code: 1012, reconnect: true });
      if (closing?.type === "closing") after.push(closing.retry_after);
    }
    // One after the other, a few milliseconds apart: four clients need no more (test/core/session/reconnect-delay.test.ts).
    expect(after.sort()).toEqual([1, 1.005, 1.01, 1.015]);
  });

  test("L1 D2 messages that had arrived are stored, and their acks come before the close frame", async () => {
    const server = await startTestServer();
    const token = await server.token("anna");
    const anna = await TestClient.connect(`${server.wsUrl}/ws/anna/lobby?token=${token}`);
    for (let i = 0; i < 20; i++) anna.send({ type: "message", text: "x", id: `m${i}` });
    await anna.settled();
    await server.stop();
    await anna.closed;
    expect(anna.of("ack")).toHaveLength(20);
    expect(anna.frames.at(-1)?.type).toBe("closing");
  });

  test("RT-9 it also ends with sockets that send nothing, are not authenticated, or are paused", async () => {
    const server = await startTestServer({
      env: { MAX_CONNECTIONS: "1000", BURST_RATE: "0" },
      // A store that never replies keeps its callers paused.
      wrapEngine: (engine) => overrideEngine(engine, { post: () => {} }),
    });
    const target = `/ws/anna/lobby?token=${await server.token("anna")}`;
    await using silent = await RawSocket.handshake(server.port, target);
    await using stranger = await RawSocket.handshake(server.port, "/ws/anna/lobby");
    await using _mute = await RawSocket.dial(server.port);
    await using deaf = await RawSocket.handshake(server.port, target);
    await using paused = await RawSocket.handshake(server.port, target);
    await silent.waitForFrame("welcome");
    await paused.waitForFrame("welcome");
    await deaf.waitForFrame("welcome");
    deaf.stopReading();
    for (let i = 0; i < 40; i++) paused.sendJson({ type: "message", text: "x", id: `m${i}` });
    await server.stop();
    expect(await silent.waitForClose()).toMatchObject({ code: 1012 });
    expect(await paused.waitForClose()).toMatchObject({ code: 1012 });
    // Cut off without a close frame at first: unauthenticated sockets were in no list, and delayed the stop by a
    // second.
    expect(await stranger.waitForClose()).toMatchObject({ code: 1012 });
    expect(stranger.frames).toEqual([expect.objectContaining({ type: "closing", code: 1012 })]);
  });

  test("RT-9 a second stop, and a socket that closes in between, cause no harm", async () => {
    const server = await startTestServer();
    const token = await server.token("anna");
    await using raw = await RawSocket.handshake(server.port, `/ws/anna/lobby?token=${token}`);
    await raw.waitForFrame("welcome");
    raw.send(OPCODE.close, Buffer.from([0x03, 0xe8]));
    await Promise.all([server.stop(), server.stop(), raw.closed]);
    await server.stop();
  });

  test("RT-9 SIGTERM ends the process with 0, and open sockets get `closing` first", async () => {
    await using folder = new ParleyFolder();
    const server = await folder.serve();
    const login = await fetch(`${server.url}/token`, {
      method: "POST",
      body: new URLSearchParams({ username: "user1", password: "password" }),
    });
    const { access_token } = (await login.json()) as { access_token: string };
    const port = Number(new URL(server.url).port);
    const url = `${server.url.replace(/^http/, "ws")}/ws/user1/lobby?token=${access_token}`;
    const client = await TestClient.connect(url);
    await using raw = await RawSocket.handshake(port, `/ws/user1/lobby?token=${access_token}`);
    await raw.waitForFrame("welcome");
    server.process.kill("SIGTERM");
    expect(await client.closed).toEqual({ code: 1012, reason: "restarting" });
    expect(client.frames.at(-1)).toEqual({
      type: "closing",
      code: 1012,
      reason: "restarting",
      reconnect: true,
      retry_after: expect.any(Number),
    });
    expect(await raw.waitForClose()).toMatchObject({ code: 1012 });
    expect(await server.process.exited).toBe(0);
  });
});
