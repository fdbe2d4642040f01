import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Grants } from "../../../src/core/access/grants.ts";
import type { ServerFrame } from "../../../src/protocol/server-frames.ts";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { dropData, type Writer } from "../../../src/server/streams/writer-state.ts";
import { join } from "../../support/clients/join.ts";
import type { TestClient } from "../../support/clients/test-client.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { connectUser } from "../socket/user/user-client.ts";

// One server for all cases; each has conversations of its own.
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ env: { MAX_STREAM_BYTES: "1024", PLANS: "free:1000:100" } });
});

afterAll(() => server.stop());

const tokenOf = (subject: string, grants: Grants) =>
  signToken(server.keys, { subject, now: Date.now(), grants });

/** The text of a stream as its reader has it after these frames. */
function textOf(frames: readonly ServerFrame[]): string {
  let text = "";
  for (const frame of frames) {
    if (frame.type === "stream") text = frame.text;
    if (frame.type === "stream_append") text += frame.text;
  }
  return text;
}

/** Starts a stream on the socket of a user, and stores one append. */
async function startStream(client: TestClient, conversation: string): Promise<string> {
  client.send({ type: "stream_start", conversation, id: "a1" });
  const { stream } = await client.next("stream_started");
  client.send({ type: "stream_append", conversation, stream, n: 1, text: "one" });
  await client.next("stream_stored");
  return stream;
}

describe("a writer that is refused", () => {
  test("ST3 a token without the right to write ends the streams of its socket at once", async () => {
    await using reader = await join(server, "anna", { conversation: "narrow-1" });
    await using writer = await join(server, "agent", { conversation: "narrow-1" });
    writer.send({ type: "stream_start", id: "a1" });
    const { stream } = await writer.next("stream_started");
    writer.send({ type: "stream_append", stream, n: 1, text: "one" });
    writer.send({ type: "token", token: await tokenOf("agent", { rights: ["read"] }) });
    const ended = { text: "one", stream: { stream, state: "interrupted" } };
    expect(await reader.next("message")).toMatchObject(ended);
    expect(await writer.next("error")).toMatchObject({ code: "fenced", stream, seq: 1 });
  });

  test("ST3 a token that names other conversations ends the streams in those that it does not name, and no others", async () => {
    await using reader = await join(server, "anna", { conversation: "narrow-2" });
    await using writer = await connectUser(server, "agent");
    const stream = await startStream(writer, "narrow-2");
    const kept = await startStream(writer, "narrow-kept");
    writer.send({ type: "token", token: await tokenOf("agent", { conversations: ["narrow-kept"] }) });
    const ended = { text: "one", stream: { stream, state: "interrupted" } };
    expect(await reader.next("message")).toMatchObject(ended);
    expect(await writer.next("error")).toMatchObject({ conversation: "narrow-2", code: "fenced", stream });
    writer.send({ type: "stream_append", conversation: "narrow-kept", stream: kept, n: 2, text: "two" });
    expect(await writer.next("stream_stored")).toMatchObject({ conversation: "narrow-kept", n: 2 });
  });

  test("ST1 readers that were shown more than a stream may hold get what is stored, and what follows it", async () => {
    await using reader = await join(server, "anna", { conversation: "large", query: "&streams=1" });
    await using before = await join(server, "agent", { conversation: "large" });
    before.send({ type: "stream_start", id: "a1" });
    const { stream } = await before.next("stream_started");
    before.send({ type: "stream_append", stream, n: 1, text: "x".repeat(1_000) });
    await before.next("stream_stored");
    // The node of the next writer does not know how much the stream has.
    await using writer = await join(server, "agent", { conversation: "large" });
    writer.send({ type: "stream_start", id: "a1" });
    await writer.next("stream_started");
    writer.send({ type: "stream_append", stream, n: 2, text: "y".repeat(100) });
    expect(await writer.next("error")).toMatchObject({ code: "too_large", stream });
    writer.send({ type: "stream_append", stream, n: 2, text: "end" });
    await writer.next("stream_stored");
    const text = `${"x".repeat(1_000)}end`;
    while (!textOf(reader.frames).endsWith("end")) await reader.settled();
    expect(textOf(reader.frames)).toBe(text);
    writer.send({ type: "stream_end", stream });
    expect(await reader.next("message")).toMatchObject({ text });
  });

  test("ST6 a stream whose end is refused, since its last text is too much, can be ended without it", async () => {
    await using before = await join(server, "agent", { conversation: "large-end" });
    before.send({ type: "stream_start", id: "a1" });
    const { stream } = await before.next("stream_started");
    before.send({ type: "stream_append", stream, n: 1, text: "x".repeat(1_000) });
    await before.next("stream_stored");
    await using writer = await join(server, "agent", { conversation: "large-end" });
    writer.send({ type: "stream_start", id: "a1" });
    await writer.next("stream_started");
    writer.send({ type: "stream_append", stream, n: 2, text: "y".repeat(100) });
    writer.send({ type: "stream_end", stream });
    expect(await writer.next("error")).toMatchObject({ code: "too_large", stream });
    writer.send({ type: "stream_end", stream });
    expect(await writer.next("ack")).toMatchObject({ id: "a1", seq: 1 });
  });

  test("ST2 a frame of a stream that is not understood is refused with the name of the stream", async () => {
    await using writer = await join(server, "agent", { conversation: "invalid" });
    const stream = "AAAAAAAAAAAA";
    writer.send({ type: "stream_append", stream, n: 1, text: "\ud83d" });
    expect(await writer.next("error")).toMatchObject({ code: "invalid", stream });
    writer.send({ type: "stream_end", stream, data: [] });
    expect(await writer.next("error")).toMatchObject({ code: "invalid", stream });
  });

  test("ST5 of the appends that wait for the store only the newest keeps its data", () => {
    const waiting = [
      { n: 1, text: "a", data: '{"a":1}' },
      { n: 2, text: "b", data: '{"a":2}' },
      { n: 3, text: "c" },
    ];
    const writer = { waiting } as unknown as Writer;
    dropData(writer, 1);
    expect(writer.waiting).toEqual([
      { n: 1, text: "a", data: '{"a":1}' },
      { n: 2, text: "b" },
      { n: 3, text: "c" },
    ]);
  });
});
