// A removed conversation ends for all clients in it, and no client recreates it by continuing.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerFrame } from "../../../../src/protocol/server-frames.ts";
import { TestClient } from "../../../support/clients/test-client.ts";
import { startTestServer } from "../../../support/server/test-server.ts";
import { removeConversation } from "../../removal.ts";

async function begin() {
  const dataDir = mkdtempSync(join(tmpdir(), "parley-removed-"));
  const server = await startTestServer({ env: { DATA_DIR: dataDir } });
  const address = async (user: string, query = "") =>
    `${server.wsUrl}/ws/${user}/lobby?token=${await server.token(user)}${query}`;
  return {
    server,
    connect: async (user: string, query?: string) => TestClient.connect(await address(user, query)),
    open: async (user: string, query?: string) => TestClient.open(await address(user, query)),
    remove: () => removeConversation({ DATA_DIR: dataDir }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const LAST_FRAMES: ServerFrame[] = [
  { type: "error", code: "removed", message: expect.stringContaining("was removed") as unknown as string },
  { type: "closing", code: 4404, reason: "removed", reconnect: false },
];

test("MB6 every client in a removed conversation is closed for good, with the reason", async () => {
  await using house = await begin();
  const anna = await house.connect("anna");
  const ben = await house.connect("ben");
  anna.send({ type: "message", id: "1", text: "hello" });
  await ben.next("message");
  await house.remove();
  for (const client of [anna, ben]) {
    expect(await client.closed).toEqual({ code: 4404, reason: "removed" });
    expect(client.frames.slice(-2)).toEqual(LAST_FRAMES);
  }
});

test("MB6 a message on an open socket after the removal is not stored, and ends the socket", async () => {
  await using house = await begin();
  const anna = await house.connect("anna");
  anna.send({ type: "message", id: "1", text: "hello" });
  await anna.next("ack");
  await house.remove();
  // Before the server has polled for changes by commands.
  anna.send({ type: "message", id: "2", text: "as if nothing were" });
  expect(await anna.closed).toMatchObject({ code: 4404 });
  expect(anna.of("ack")).toHaveLength(1);
  await using ben = await house.connect("ben");
  expect(ben.of("welcome")[0]).toMatchObject({ seq: 1, present: [{ user: "ben" }] });
  ben.send({ type: "history" });
  expect((await ben.next("history")).messages).toEqual([]);
});

test("MB6 a client that returns to a removed conversation is refused; one without an epoch starts it again", async () => {
  await using house = await begin();
  const anna = await house.connect("anna");
  const { epoch } = anna.of("welcome")[0]!;
  anna.send({ type: "message", id: "1", text: "hello" });
  await anna.next("ack");
  await house.remove();
  await anna.closed;
  for (const query of [`&after=1&epoch=${epoch}`, `&after=0&epoch=${epoch}`, `&epoch=${epoch}`]) {
    const back = await house.open("anna", query);
    expect(await back.closed).toEqual({ code: 4404, reason: "removed" });
    expect(back.frames).toEqual(LAST_FRAMES);
  }
  await using reopened = await house.connect("anna");
  const [life] = epoch.split(".");
  expect(reopened.of("welcome")[0]).toMatchObject({ epoch: `${life}.1`, seq: 1, resumed: false });
  reopened.send({ type: "message", id: "1", text: "another" });
  expect(await reopened.next("ack")).toMatchObject({ id: "1", seq: 2 });
  // And back to what it is now.
  await using again = await house.connect("ben", `&after=1&epoch=${life}.1`);
  expect(again.of("welcome")[0]).toMatchObject({ resumed: true, epoch: `${life}.1` });
  expect(await again.next("message")).toMatchObject({ seq: 2, text: "another" });
});
