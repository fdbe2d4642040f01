import { expect, test } from "bun:test";
import { join } from "../../support/clients/join.ts";
import type { TestClient } from "../../support/clients/test-client.ts";
import type { ManualClock } from "../../support/time/manual-clock.ts";
import { ask, disturb, nameOf, startFaultServer } from "./fault-server.ts";

const LEASE_MS = 30_000;

/** Sends an append, and waits until it has been stored and shown. */
async function append(writer: TestClient, clock: ManualClock, stream: string, n: number, text: string) {
  writer.send({ type: "stream_append", stream, n, text });
  await writer.settled();
  clock.advance(200);
  let stored = await writer.next("stream_stored");
  while (stored.stream !== stream || stored.n < n) stored = await writer.next("stream_stored");
}

/** Starts the stream `id`, and stores `text` as its first append. */
async function write(writer: TestClient, clock: ManualClock, id: string, text: string): Promise<string> {
  writer.send({ type: "stream_start", id });
  const { stream } = await writer.next("stream_started");
  await append(writer, clock, stream, 1, text);
  return stream;
}

/** Lets the lease of a writer run out, while all clients answer pings. */
async function passLease(clock: ManualClock, ...clients: TestClient[]): Promise<void> {
  for (let passed = 0; passed <= LEASE_MS; passed += 2_500) {
    clock.advance(2_500);
    await Promise.all(clients.map((client) => client.settled()));
  }
}

/** The next message of this id. */
async function messageOf(client: TestClient, id: string) {
  let message = await client.next("message");
  while (message.id !== id) message = await client.next("message");
  return message;
}

test("ST2 ST3 a writer that is frozen goes on if it wakes up in time, and is fenced if not", async () => {
  await using bench = await startFaultServer({ INACTIVITY_TIMEOUT: "0" });
  const { server, clock } = bench;
  await using reader = await join(server, "anna", { query: "&streams=1" });
  await using writer = await join(server, "agent");
  const stream = await write(writer, clock, "a1", "one");
  await disturb(server, writer, { do: "freeze_writer", seconds: 20 });
  writer.send({ type: "stream_append", stream, n: 2, text: " two" });
  writer.send({ type: "stream_end", stream });
  // Other requests are not held back.
  writer.send({ type: "message", id: "m1", text: "m1" });
  expect(await writer.next("ack")).toMatchObject({ id: "m1", seq: 1 });
  await writer.settled();
  clock.advance(20_000);
  expect(await writer.next("ack")).toMatchObject({ id: "a1", seq: 2 });
  expect(await messageOf(reader, "a1")).toMatchObject({ text: "one two" });

  const late = await write(writer, clock, "a2", "so far");
  await disturb(server, writer, { do: "freeze_writer", seconds: 600 });
  writer.send({ type: "stream_append", stream: late, n: 2, text: "too late" });
  await writer.settled();
  await passLease(clock, writer, reader);
  expect(await messageOf(reader, "a2")).toMatchObject({
    text: "so far",
    stream: { state: "interrupted" },
  });
  expect(await writer.next("error")).toMatchObject({ code: "fenced", stream: late, seq: 3 });
  await disturb(server, writer, { do: "thaw" });
  expect(await writer.next("error")).toMatchObject({ code: "fenced", stream: late });
});

test("ST2 ST3 a writer that is killed loses what is not stored, and takes its stream over", async () => {
  await using bench = await startFaultServer();
  const { server, clock } = bench;
  await using reader = await join(server, "anna", { query: "&streams=1" });
  await using writer = await join(server, "agent");
  const stream = await write(writer, clock, "a1", "one");
  writer.send({ type: "stream_append", stream, n: 2, text: " lost" });
  await writer.settled();
  clock.advance(50);
  expect(await reader.next("stream_append")).toMatchObject({ n: 1, text: "one" });
  expect(await reader.next("stream_append")).toMatchObject({ n: 2, text: " lost" });
  await disturb(server, writer, { do: "kill_writer" });
  expect(await writer.closed).toMatchObject({ code: 1006 });
  await using again = await join(server, "agent");
  again.send({ type: "stream_start", id: "a1" });
  expect(await again.next("stream_started")).toMatchObject({ stream, n: 1 });
  clock.advance(50);
  expect(await reader.next("stream")).toMatchObject({ text: "one" });
  again.send({ type: "stream_append", stream, n: 2, text: " two" });
  again.send({ type: "stream_end", stream });
  expect(await reader.next("message")).toMatchObject({ text: "one two", stream: { state: "done" } });
});

test("ST2 ST3 a writer that is fenced may not go on, and its stream ends with the lease", async () => {
  await using bench = await startFaultServer();
  const { server, clock } = bench;
  await using writer = await join(server, "agent");
  expect(await ask(server, "agent", nameOf(writer), { do: "fence_writer" })).toMatchObject({
    status: 422,
    body: { code: "invalid", detail: "This connection writes no stream." },
  });
  const stream = await write(writer, clock, "a1", "one");
  await disturb(server, writer, { do: "fence_writer" });
  expect(await writer.next("error")).toMatchObject({ code: "fenced", stream });
  writer.send({ type: "stream_append", stream, n: 2, text: "late" });
  expect(await writer.next("error")).toMatchObject({ code: "fenced", stream });
  await passLease(clock, writer);
  expect(await writer.next("message")).toMatchObject({ text: "one", stream: { state: "interrupted" } });
});
