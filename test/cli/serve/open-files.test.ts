// A real process whose file descriptors run out, by connections that send no request.
import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { TestClient } from "../../support/clients/test-client.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ParleyFolder } from "../parley-folder.ts";

const LIMIT = 256;

/** Opens a TCP connection and sends nothing; resolves when it is open or refused. */
function openSilently(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    for (const event of ["connect", "close"]) socket.once(event, () => resolve(socket));
  });
}

test("RT-20 while file descriptors run out a server refuses new connections, serves open sockets, and accepts again", async () => {
  await using folder = new ParleyFolder();
  const server = await folder.serve([], {}, ["bash", "-c", `ulimit -n ${LIMIT}; exec "$@"`, "bash"]);
  const port = Number(new URL(server.url).port);
  const credentials = new URLSearchParams({ username: "user2", password: "password" });
  const answer = await fetch(`${server.url}/token`, { method: "POST", body: credentials });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  await using client = await TestClient.connect(
    `${server.url.replace("http", "ws")}/ws/user2/lobby?token=${token}`,
  );
  const has = (event: string) => server.output().stdout.includes(`"event":"${event}"`);

  const silent: Socket[] = [];
  await waitUntil("the server stops to listen", async () => {
    silent.push(...(await Promise.all(Array.from({ length: LIMIT }, () => openSilently(port)))));
    return has("limit.open_files_reached");
  });
  client.send({ type: "message", id: "m1", text: "hello" });
  expect(await client.next("ack")).toMatchObject({ id: "m1", seq: 1 });

  for (const socket of silent) socket.destroy();
  await waitUntil("the server listens", async () => (await fetch(`${server.url}/healthz`)).status === 200);
  await waitUntil("the log says so", () => has("limit.open_files_free"));
  client.send({ type: "message", id: "m2", text: "hello" });
  expect(await client.next("ack")).toMatchObject({ id: "m2", seq: 2 });
  server.process.kill("SIGTERM");
  expect(await client.next("closing")).toMatchObject({ code: 1012 });
  expect(await server.process.exited).toBe(0);
});
