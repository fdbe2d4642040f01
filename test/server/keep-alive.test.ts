import { expect, test } from "bun:test";
import { RawSocket } from "../support/clients/raw-socket.ts";
import { startTestServer } from "../support/server/test-server.ts";

// It waits for the runtime's own time-outs, whose clock cannot be moved: some 13 seconds, in the long form only.
test.skipIf(process.env.TEST_LONG !== "true")(
  "W1 a connection after a response outlives one whose request never comes (RT-18)",
  async () => {
    await using server = await startTestServer();
    const host = `Host: 127.0.0.1:${server.port}`;
    await using answered = await RawSocket.dial(server.port);
    answered.socket.write(`GET /healthz HTTP/1.1\r\n${host}\r\n\r\n`);
    const half = [
      `GET /healthz HTTP/1.1\r\n${host}\r\nX: `,
      `POST /token HTTP/1.1\r\n${host}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`,
    ];
    for (const text of half) {
      await using line = await RawSocket.dial(server.port);
      line.socket.write(text);
      await line.closed;
    }
    const again = new Promise((resolve) => answered.socket.once("data", resolve));
    answered.socket.write(`GET /healthz HTTP/1.1\r\n${host}\r\n\r\n`);
    expect(String(await again)).toStartWith("HTTP/1.1 200");
  },
);
