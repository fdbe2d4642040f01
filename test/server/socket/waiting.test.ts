import { expect, test } from "bun:test";
import { connect } from "node:net";
import { RawSocket } from "../../support/clients/raw-socket.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

/** Sends a handshake and disconnects, without waiting for a reply. */
function upgradeAndLeave(port: number, target: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(port, "127.0.0.1", () => {
    socket.write(
      `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      () => socket.resetAndDestroy(),
    );
  });
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  return promise;
}

test("W1 a client that leaves while it waits for admission holds no permit", async () => {
  const all = 60;
  await using server = await startTestServer({
    env: { MAX_CONNECTIONS: String(all), PLANS: `free:0:${all}` },
  });
  const target = `/ws/anna/lobby?token=${await server.token("anna")}`;
  for (let round = 0; round < 5; round++)
    await Promise.all(Array.from({ length: all }, () => upgradeAndLeave(server.port, target)));

  // Every place, of the server and of the user's plan, is free again as soon as the server has seen them go.
  let entered = 0;
  await waitUntil("all permits are free", async () => {
    const sockets = await Promise.all(
      Array.from({ length: all }, () => RawSocket.handshake(server.port, target)),
    );
    const open = sockets.filter(({ response }) => response?.status === 101);
    const welcomes = await Promise.allSettled(open.map((socket) => socket.waitForFrame("welcome")));
    entered = welcomes.filter(({ status }) => status === "fulfilled").length;
    await Promise.all(sockets.map((socket) => socket[Symbol.asyncDispose]()));
    return entered === all;
  });
  expect(entered).toBe(all);
});
