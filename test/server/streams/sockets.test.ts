import { describe, expect, test } from "bun:test";
import type { Grants } from "../../../src/core/access/grants.ts";
import type { Streams } from "../../../src/core/ports/conversation/streams.ts";
import type { Engine } from "../../../src/core/ports/engine.ts";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { join } from "../../support/clients/join.ts";
import { overrideEngine } from "../../support/server/override-engine.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { connectUser, open } from "../socket/user/user-client.ts";

describe("a stream over sockets", () => {
  test("ST1 ST5 a writer's text grows for its readers and becomes one message", async () => {
    await using server = await startTestServer();
    await using writer = await join(server, "agent");
    await using asking = await join(server, "anna", { query: "&streams=1" });
    await using plain = await join(server, "ben");
    await using user = await connectUser(server, "carl");
    await open(user, "lobby");
    writer.send({ type: "stream_start", id: "a1", data: { model: "m" } });
    const { stream, ...started } = await writer.next("stream_started");
    expect(started).toEqual({
      type: "stream_started",
      id: "a1",
      n: 0,
      quota: { limit: 100, remaining: 99, reset: expect.any(Number) },
    });
    expect(stream).toMatch(/^[A-Za-z0-9_-]{12}$/);
    expect(await asking.next("stream")).toEqual({
      ...{ type: "stream", stream, id: "a1", from: "agent", n: 0, text: "" },
      ...{ data: { model: "m" }, at: expect.any(Number) },
    });
    expect(await user.next("stream")).toMatchObject({ conversation: "lobby", stream, n: 0 });
    writer.send({ type: "stream_append", stream, n: 1, text: "Hello" });
    expect(await asking.next("stream_append")).toEqual({
      ...{ type: "stream_append", stream, after: 0, n: 1, text: "Hello" },
    });
    writer.send({ type: "stream_append", stream, n: 2, text: ", world" });
    expect(await writer.next("stream_stored")).toMatchObject({ type: "stream_stored", stream });
    writer.send({ type: "stream_end", stream });
    const message = {
      ...{ type: "message", seq: 1, id: "a1", from: "agent", text: "Hello, world" },
      ...{ data: { model: "m" }, stream: { stream, state: "done" }, at: expect.any(Number) },
    };
    expect(await writer.next("ack")).toMatchObject({ type: "ack", id: "a1", seq: 1 });
    expect(await asking.next("message")).toEqual(message as never);
    expect(await plain.next("message")).toEqual(message as never);
    expect(await user.next("message")).toEqual({ ...message, conversation: "lobby" } as never);
    await plain.settled();
    expect(plain.frames.filter(({ type }) => type.startsWith("stream"))).toEqual([]);
  });

  test("ST1 ST4 a draft that was read before its end, or is announced late, is not shown after its message", async () => {
    const reading = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const late: (() => void)[] = [];
    const slowStreams = (streams: Streams): Streams =>
      Object.assign(Object.create(streams), {
        async drafts(conversation) {
          const drafts = await streams.drafts(conversation);
          reading.resolve();
          await held.promise;
          return drafts;
        },
        // The announcement of an end can be lost on its way from another node, and that of a draft can come late.
        watch: (listener) =>
          streams.watch((event) => {
            if (event.type === "draft") late.push(() => listener(event));
            else if (event.type !== "ended") listener(event);
          }),
      } satisfies Partial<Streams>);
    const wrapEngine = (engine: Engine) => overrideEngine(engine, { streams: slowStreams(engine.streams) });
    await using server = await startTestServer({ wrapEngine });
    await using writer = await join(server, "agent");
    const [welcome] = writer.of("welcome");
    writer.send({ type: "stream_start", id: "a1" });
    const { stream } = await writer.next("stream_started");
    writer.send({ type: "stream_append", stream, n: 1, text: "one" });
    await writer.next("stream_stored");
    const joined = join(server, "anna", { query: `&streams=1&after=0&epoch=${welcome!.epoch}` });
    await reading.promise;
    writer.send({ type: "stream_end", stream });
    await writer.next("ack");
    held.resolve();
    await using reader = await joined;
    expect(await reader.next("message")).toMatchObject({ id: "a1", text: "one" });
    writer.send({ type: "stream_start", id: "a2" });
    const second = await writer.next("stream_started");
    writer.send({ type: "stream_end", stream: second.stream });
    expect(await reader.next("message")).toMatchObject({ id: "a2" });
    for (const announce of late) announce();
    await reader.settled();
    expect(reader.of("stream")).toEqual([]);
  });

  test("ST1 a reader that comes while a stream is written gets the text so far, and then the rest", async () => {
    await using server = await startTestServer();
    await using writer = await join(server, "agent");
    writer.send({ type: "stream_start", id: "a1" });
    const { stream } = await writer.next("stream_started");
    writer.send({ type: "stream_append", stream, n: 1, text: "one " });
    await writer.next("stream_stored");
    await using late = await join(server, "anna", { query: "&streams=1" });
    expect(await late.next("stream")).toMatchObject({ stream, n: 1, text: "one " });
    writer.send({ type: "stream_append", stream, n: 2, text: "two" });
    expect(await late.next("stream_append")).toMatchObject({ after: 1, n: 2, text: "two" });
  });

  test("ST2 the same id on another connection takes the stream over, and the first writer is fenced", async () => {
    await using server = await startTestServer();
    await using first = await join(server, "agent");
    await using second = await join(server, "agent");
    first.send({ type: "stream_start", id: "a1" });
    const { stream } = await first.next("stream_started");
    first.send({ type: "stream_append", stream, n: 1, text: "one" });
    await first.next("stream_stored");
    second.send({ type: "stream_start", id: "a1" });
    expect(await second.next("stream_started")).toMatchObject({ id: "a1", stream, n: 1 });
    expect(await first.next("error")).toMatchObject({ code: "fenced", stream });
    first.send({ type: "stream_append", stream, n: 2, text: "late" });
    expect(await first.next("error")).toMatchObject({ code: "fenced", stream });
    second.send({ type: "stream_append", stream, n: 3, text: "gap" });
    expect(await second.next("error")).toMatchObject({ code: "conflict", stream, n: 1 });
    second.send({ type: "stream_end", stream });
    expect(await second.next("message")).toMatchObject({ text: "one" });
  });

  test("ST4 the user whose message is answered stops the answer", async () => {
    await using server = await startTestServer();
    await using anna = await join(server, "anna");
    await using writer = await join(server, "agent");
    anna.send({ type: "message", id: "q1", text: "why?" });
    const { seq } = await anna.next("ack");
    writer.send({ type: "stream_start", id: "a1", reply_to: seq });
    const { stream } = await writer.next("stream_started");
    anna.send({ type: "stream_cancel", stream });
    expect(await writer.next("stream_cancel")).toEqual({ type: "stream_cancel", stream, by: "anna" });
    writer.send({ type: "stream_end", stream });
    expect(await anna.next("message")).toMatchObject({
      id: "a1",
      reply_to: seq,
      stream: { stream, state: "cancelled" },
    });
  });

  test("ST1 D3 a message with the id of an open stream is refused, and is a duplicate after its end", async () => {
    await using server = await startTestServer();
    await using writer = await join(server, "agent");
    writer.send({ type: "stream_start", id: "a1" });
    const { stream } = await writer.next("stream_started");
    writer.send({ type: "stream_append", stream, n: 1, text: "one" });
    writer.send({ type: "message", id: "a1", text: "other" });
    expect(await writer.next("error")).toMatchObject({ code: "conflict", id: "a1" });
    writer.send({ type: "stream_end", stream });
    expect(await writer.next("message")).toMatchObject({ id: "a1", text: "one" });
    writer.send({ type: "message", id: "a1", text: "other" });
    expect(await writer.next("ack")).toMatchObject({ id: "a1", seq: 1 });
    expect(await writer.next("ack")).toMatchObject({ id: "a1", seq: 1, duplicate: true });
  });

  test("ST3 the stream of a writer that is muted ends at once, and the writer is fenced", async () => {
    await using server = await startTestServer();
    await using writer = await join(server, "agent");
    await using anna = await join(server, "anna", { query: "&streams=1" });
    writer.send({ type: "stream_start", id: "a1" });
    const { stream } = await writer.next("stream_started");
    writer.send({ type: "stream_append", stream, n: 1, text: "one" });
    await writer.next("stream_stored");
    const grants: Grants = { conversations: ["lobby"], rights: ["read", "write", "manage"] };
    const response = await fetch(`${server.url}/conversations/lobby/mutes/agent`, {
      method: "PUT",
      headers: {
        authorization: `Bearer ${await signToken(server.keys, { subject: "op", now: Date.now(), grants })}`,
        "content-type": "application/json",
      },
      body: "{}",
    });
    expect(response.status).toBe(200);
    expect(await anna.next("message")).toMatchObject({
      text: "one",
      stream: { stream, state: "interrupted" },
    });
    expect(await writer.next("error")).toMatchObject({ code: "fenced", stream, seq: 1 });
  });

  test("ST2 a start that names another epoch is refused", async () => {
    await using server = await startTestServer();
    await using writer = await join(server, "agent");
    writer.send({ type: "stream_start", id: "a1", epoch: "other.0" });
    expect(await writer.next("error")).toMatchObject({ code: "conflict", id: "a1" });
  });

  test("ST3 the streams of a token that is signed out end at once, and those of the user's other devices go on", async () => {
    await using server = await startTestServer();
    await using anna = await join(server, "anna");
    const token = await server.token("agent");
    await using leaving = await join(server, "agent", { token });
    await using staying = await join(server, "agent");
    staying.send({ type: "stream_start", id: "kept" });
    const kept = await staying.next("stream_started");
    leaving.send({ type: "stream_start", id: "a1" });
    const { stream } = await leaving.next("stream_started");
    leaving.send({ type: "stream_append", stream, n: 1, text: "one" });
    await leaving.next("stream_stored");
    leaving.send({ type: "stream_append", stream, n: 2, text: " two" });
    await leaving.settled();
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${server.url}/logout`, { method: "POST", headers })).status).toBe(204);
    expect(await anna.next("message")).toMatchObject({
      ...{ id: "a1", text: "one two", stream: { stream, state: "interrupted" } },
    });
    expect((await leaving.closed).code).toBe(4401);
    staying.send({ type: "stream_append", stream: kept.stream, n: 1, text: "on" });
    expect(await staying.next("stream_stored")).toMatchObject({ stream: kept.stream });
  });

  test("ST6 I1 a stream that is still coming keeps awake the user whose message it answers, and nobody else", async () => {
    const clock = new ManualClock();
    const env = { INACTIVITY_TIMEOUT: "20", PING_INTERVAL: "3600" };
    await using server = await startTestServer({ clock, env });
    await using anna = await join(server, "anna");
    await using quiet = await join(server, "ben");
    await using writer = await join(server, "agent");
    anna.send({ type: "message", id: "q1", text: "why?" });
    const { seq } = await anna.next("ack");
    writer.send({ type: "stream_start", id: "a1", reply_to: seq });
    const { stream } = await writer.next("stream_started");
    for (let n = 1; n <= 6; n++) {
      clock.advance(5_000);
      writer.send({ type: "stream_append", stream, n, text: "x" });
      await writer.settled();
    }
    expect(await quiet.closed).toMatchObject({ code: 4408 });
    await anna.settled();
    expect([anna.of("warning"), anna.of("closing")]).toEqual([[], []]);
    // It comes no more, so that nothing keeps the user awake.
    writer.send({ type: "stream_end", stream });
    await writer.next("ack");
    clock.advance(20_000);
    expect(await anna.closed).toMatchObject({ code: 4408 });
  });

  test("ST4 ST6 a request to stop that names another epoch is refused, and a start over the plan is logged as a message is", async () => {
    await using server = await startTestServer({ env: { PLANS: "free:1:5" } });
    await using writer = await join(server, "agent");
    writer.send({ type: "stream_start", id: "a1" });
    const { stream } = await writer.next("stream_started");
    writer.send({ type: "stream_cancel", stream, epoch: "other.0" });
    expect(await writer.next("error")).toEqual({
      ...{ type: "error", code: "conflict", message: expect.any(String), stream },
    });
    writer.send({ type: "stream_start", id: "a2" });
    expect(await writer.next("error")).toMatchObject({ code: "rate_limited", id: "a2" });
    const events = server.log.events();
    expect(events).toContain("limit.rate");
    expect(events).not.toContain("frame.refused");
  });
});
