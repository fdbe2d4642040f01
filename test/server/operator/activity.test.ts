import { expect, test } from "bun:test";
import type { ActivityReply } from "../../../src/server/http/routes/operator/activity-schema.ts";
import { RawSocket } from "../../support/clients/raw-socket.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { KEYS, requestsAs, SETTINGS } from "./operator-api.ts";

// Many nodes: nodes.test.ts.
test("OA8 OP1 activity names what is busiest, who does not read, and how far webhooks have come", async () => {
  await using server = await startTestServer({ env: { ...SETTINGS, MAX_UNSENT_BYTES: "67108864" } });
  const ops = requestsAs(server, KEYS.ops);
  await ops("POST /webhooks", { id: "away", url: "https://away.example/" });
  await ops("POST /webhooks/away/pause");
  await ops("POST /conversations/lobby/messages", { text: "missed by the webhook" });
  await ops("GET /activity");
  const lobby = await TestClient.connect(`${server.wsUrl}/ws/gus/lobby?token=${await server.token("gus")}`);
  await using _lobby = lobby;
  // One socket of each kind that reads nothing any more.
  const silent = await Promise.all(
    ["hal/flood?", "ida?"].map(async (path) => {
      const token = await server.token(path.slice(0, 3));
      const socket = await RawSocket.handshake(server.port, `/ws/${path}token=${token}`);
      await socket.waitUntil(() => socket.frames.some(({ type }) => type === "welcome"), "welcome");
      return socket;
    }),
  );
  silent[1]!.sendJson({ type: "open", conversations: [{ conversation: "flood" }] });
  await silent[1]!.waitUntil(() => silent[1]!.frames.some(({ type }) => type === "opened"), "opened");
  for (const socket of silent) socket.stopReading();
  lobby.send({ type: "message", text: "acked" });
  await lobby.next("ack");
  const text = "x".repeat(16_000);
  let activity: ActivityReply | undefined;
  await waitUntil("both are slow", async () => {
    for (let i = 0; i < 32; i++) await ops("POST /conversations/flood/messages", { text });
    activity = (await ops("GET /activity")).body as ActivityReply;
    return activity.nodes[0]!.slow_readers.length === 2;
  });
  for (const each of silent) each.socket.destroy();
  const { nodes, silent: withoutNumbers, feed } = activity!;
  expect({ nodes: nodes.length, withoutNumbers }).toEqual({ nodes: 1, withoutNumbers: [] });
  const [node] = nodes;
  expect(node).toMatchObject({
    ...{ version: "0.0.0", engine: "embedded", url: server.url },
    ...{ store: { up: true }, open_conversations: 2, connections: { live: 3 }, slow_reader_count: 2 },
  });
  expect(node!.ack!.p50).toBeGreaterThan(0);
  expect(node!.busiest_conversations[0]).toMatchObject({ conversation: "flood", connections: 2 });
  expect(node!.busiest_conversations.map(({ conversation }) => conversation)).toContain("lobby");
  expect(node!.busiest_users.map(({ user }) => user)).toContain("gus");
  expect(node!.slow_readers.map(({ user, conversation }) => [user, conversation]).sort()).toEqual([
    ["hal", "flood"],
    ["ida", undefined],
  ]);
  expect(feed?.webhooks).toEqual([
    { id: "away", state: "paused", reason: "operator", lag: expect.any(Number), retries: 0 },
  ]);
  expect(feed!.webhooks[0]!.lag).toBeGreaterThan(0);
  await ops("DELETE /webhooks/away");
});
