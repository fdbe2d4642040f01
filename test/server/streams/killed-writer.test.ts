// The node of a stream's writer is killed with -9, while readers and the writer's other tries are at another node.
import { expect, test } from "bun:test";
import type { ServerFrameOf } from "../../../src/protocol/server-frames.ts";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { NodeProcesses } from "../../cli/node-processes.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startRedis } from "../../support/redis/redis-server.ts";
import { TEST_SECRET, testKeys } from "../../support/server/tokens.ts";

const ENV = {
  SECRET_KEY: TEST_SECRET,
  STREAM_LEASE: "1",
  NODE_LEASE: "1",
  HANDSHAKES_PER_MINUTE: "0",
  DEMO_ACCOUNTS: "false",
  LOG_LEVEL: "error",
};

test("ST1 ST3 a stream of a node that is killed becomes one message with all that was stored, at every other node", async () => {
  await using redis = await startRedis();
  await using nodes = await NodeProcesses.start(2, () => ({ ...ENV, REDIS_URL: redis.url }));
  const connect = async (node: number, user: string, query = "") => {
    const token = await signToken(await testKeys(), { subject: user, now: Date.now() });
    const address = nodes.url(node).replace("http", "ws");
    return TestClient.connect(`${address}/ws/${user}/room?token=${token}${query}`);
  };
  await using reader = await connect(1, "anna", "&streams=1");
  await using plain = await connect(1, "ben");
  const writer = await connect(0, "agent");
  writer.send({ type: "stream_start", id: "a1" });
  const { stream } = await writer.next("stream_started");
  expect(await reader.next("stream")).toMatchObject({ stream, n: 0, text: "" });
  let n = 0;
  const append = (text: string) => writer.send({ type: "stream_append", stream, n: ++n, text });
  append("one ");
  append("two ");
  let stored = 0;
  while (stored < n) stored = (await writer.next("stream_stored")).n;
  // What readers are shown of this may be lost with the node; they end with the message.
  append("three ");
  await nodes.stop(0, "SIGKILL");
  const message = await reader.next("message");
  expect(message).toMatchObject({
    seq: 1,
    id: "a1",
    from: "agent",
    stream: { stream, state: "interrupted" },
  });
  expect(["one two ", "one two three "]).toContain(message.text);
  expect(await plain.next("message")).toEqual(message);
  await using again = await connect(1, "agent");
  again.send({ type: "stream_start", id: "a1" });
  expect(await again.next("ack")).toMatchObject({ id: "a1", seq: 1, duplicate: true });
  again.send({ type: "history", id: "h" });
  const { messages }: ServerFrameOf<"history"> = await again.next("history");
  expect(messages.map(({ text }) => text)).toEqual([message.text]);
  await reader.settled();
  expect(shownText(reader, stream)).toBe("one two three ".slice(0, shownText(reader, stream).length));
  expect(reader.of("message")).toHaveLength(1);
});

/** The text that a reader has put together, which every append must follow. */
function shownText(reader: TestClient, stream: string): string {
  let [text, last] = ["", 0];
  for (const frame of reader.frames) {
    if (frame.type === "stream" && frame.stream === stream) [text, last] = [frame.text, frame.n];
    if (frame.type !== "stream_append" || frame.stream !== stream) continue;
    expect(frame.after).toBe(last);
    text += frame.text;
    last = frame.n;
  }
  return text;
}
