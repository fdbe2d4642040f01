import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "../../../../support/clients/join.ts";
import { ManualClock } from "../../../../support/time/manual-clock.ts";
import { type Answer, startMemberServer } from "../members/member-api.ts";

// One server for all cases; each has a conversation of its own.
let api: Awaited<ReturnType<typeof startMemberServer>>;
let conversations = 0;

beforeAll(async () => {
  api = await startMemberServer({ env: { MAX_STREAM_BYTES: "65536" } });
});

afterAll(() => api[Symbol.asyncDispose]());

const quota = { limit: 100, remaining: expect.any(Number), reset: expect.any(Number) };
const at = expect.any(Number);

/** The verbs of streams in a new conversation. */
function begin() {
  conversations++;
  const name = `http-${conversations}`;
  const path = `/conversations/${name}`;
  const start = (user: string, body: object) => api.as(user, `POST ${path}/streams`, body);
  const write = (user: string, stream: string, body: object) =>
    api.as(user, `POST ${path}/streams/${stream}`, body);
  const stop = (user: string, rest: string) => api.as(user, `DELETE ${path}/streams${rest}`);
  const messages = async (): Promise<object[]> =>
    (await api.as("key", `GET ${path}/messages?after=0`)).body.messages;
  const started = async (user: string, body: object): Promise<string> =>
    (await start(user, body)).body.stream;
  return { name, path, start, started, write, stop, messages };
}

/** An answer as one value: its status, and its body without the sentences, which are for people. */
function brief({ status, body }: Answer): unknown[] {
  if (body === undefined) return [status];
  const { type, title, status: _, detail, ...fields } = body;
  return [status, fields];
}

describe("POST …/streams and POST …/streams/{stream}", () => {
  test("ST1 H3 a text that is written over HTTP grows for readers at once, and becomes one message", async () => {
    const { name, path, start, write, messages } = begin();
    await using reader = await join(api.server, "anna", { conversation: name, query: "&streams=1" });
    const first = await start("bob", { id: "a1", data: { model: "m" } });
    const { stream } = first.body;
    expect(brief(first)).toEqual([
      201,
      { stream: expect.stringMatching(/^[\w-]{12}$/), generation: 1, n: 0 },
    ]);
    expect(await reader.next("stream")).toEqual({
      ...{ type: "stream", stream, id: "a1", from: "bob", n: 0, text: "", data: { model: "m" }, at },
    });
    const appends = [
      { n: 1, text: "Hel" },
      { n: 2, text: "lo", data: { model: "n" } },
    ];
    expect(brief(await write("bob", stream, { generation: 1, appends }))).toEqual([200, { n: 2 }]);
    expect(await reader.next("stream_append")).toEqual({
      ...{ type: "stream_append", stream, after: 0, n: 2, text: "Hello", data: { model: "n" } },
    });
    // The request again, with one more: what is stored is ignored, and readers get what is new only.
    const more = { generation: 1, appends: [...appends, { n: 3, text: ", " }] };
    expect(brief(await write("bob", stream, more))).toEqual([200, { n: 3 }]);
    expect(await reader.next("stream_append")).toEqual({
      ...{ type: "stream_append", stream, after: 2, n: 3, text: ", " },
    });
    const end = { generation: 1, appends: [{ n: 4, text: "world" }], end: { data: { tokens: 4 } } };
    expect(brief(await write("bob", stream, end))).toEqual([200, { seq: 1, at, quota }]);
    const message = {
      ...{ seq: 1, id: "a1", from: "bob", text: "Hello, world", data: { tokens: 4 }, at },
      stream: { stream, state: "done" },
    };
    expect(await reader.next("message")).toEqual({ type: "message", ...message } as never);
    expect(await messages()).toEqual([message]);
    expect(brief(await write("bob", stream, end))).toEqual([409, { code: "fenced", seq: 1 }]);
    expect(brief(await start("bob", { id: "a1" }))).toEqual([200, { seq: 1, duplicate: true }]);
    const { body } = await api.as("bob", `GET ${path}/messages?after=0`);
    expect(body.messages).toHaveLength(1);
  });

  test("ST2 a stream is taken over with its text or without, and the older generation is fenced", async () => {
    const { name, start, write } = begin();
    await using reader = await join(api.server, "anna", { conversation: name, query: "&streams=1" });
    await using socket = await join(api.server, "bob", { conversation: name });
    socket.send({ type: "stream_start", id: "a1" });
    const { stream } = await socket.next("stream_started");
    socket.send({ type: "stream_append", stream, n: 1, text: "one" });
    await socket.next("stream_stored");
    expect(brief(await start("bob", { id: "a1" }))).toEqual([200, { stream, generation: 2, n: 1 }]);
    expect(await socket.next("error")).toMatchObject({ code: "fenced", stream });
    const late = { generation: 1, appends: [{ n: 2, text: "late" }] };
    expect(brief(await write("bob", stream, late))).toEqual([409, { code: "fenced" }]);
    const gap = { generation: 2, appends: [{ n: 3, text: "gap" }] };
    expect(brief(await write("bob", stream, gap))).toEqual([409, { code: "conflict", n: 1 }]);
    const restarted = await start("bob", { id: "a1", restart: true });
    expect(brief(restarted)).toEqual([200, { stream, generation: 3, n: 0 }]);
    const last = { generation: 3, appends: [{ n: 1, text: "two" }], end: { state: "failed" } };
    expect((await write("bob", stream, last)).status).toBe(200);
    expect(await reader.next("message")).toMatchObject({
      ...{ text: "two", stream: { stream, state: "failed" } },
    });
  });

  test("ST6 A6 only its writer, or an API key, writes to a stream; a key names the user in `from`", async () => {
    const { start, started, write, messages } = begin();
    const stream = await started("bob", { id: "a1" });
    const append = { generation: 1, appends: [{ n: 1, text: "one" }] };
    expect(brief(await write("eve", stream, append))).toEqual([403, { code: "forbidden" }]);
    expect(brief(await start("eve", { id: "a1", from: "bob" }))).toEqual([403, { code: "forbidden" }]);
    expect(brief(await write("key", stream, append))).toEqual([200, { n: 1 }]);
    expect(brief(await start("key", { id: "a1", from: "bob" }))).toEqual([
      200,
      { stream, generation: 2, n: 1 },
    ]);
    const end = { generation: 2, appends: [], end: {} };
    expect(brief(await write("key", stream, end))).toEqual([200, { seq: 1, at, quota: null }]);
    expect(await messages()).toMatchObject([{ from: "bob", text: "one" }]);
  });

  test("ST6 the bounds: bytes of a stream, bytes and number of appends, streams of a user", async () => {
    const { started, start, write } = begin();
    const stream = await started("cleo", { id: "a0" });
    const sized = (n: number, length: number) => ({
      generation: 1,
      appends: [{ n, text: "x".repeat(length) }],
    });
    for (let n = 1; n <= 4; n++)
      expect(brief(await write("cleo", stream, sized(n, 16_384)))).toEqual([200, { n }]);
    expect(brief(await write("cleo", stream, sized(5, 1)))).toEqual([413, { code: "too_large" }]);
    expect(brief(await write("cleo", stream, sized(5, 16_385)))).toEqual([422, { code: "invalid" }]);
    expect(brief(await write("cleo", stream, sized(5, 70_000)))).toEqual([413, { code: "too_large" }]);
    const many = Array.from({ length: 101 }, (_, i) => ({ n: i + 5, text: "" }));
    expect(brief(await write("cleo", stream, { generation: 1, appends: many }))).toEqual([
      422,
      { code: "invalid" },
    ]);
    const last = { generation: 1, appends: [], end: {} };
    for (let k = 1; k < 8; k++) expect((await start("cleo", { id: `a${k}` })).status).toBe(201);
    expect(brief(await start("cleo", { id: "a8" }))).toEqual([429, { code: "too_many_streams" }]);
    expect(brief(await write("cleo", stream, last))).toEqual([200, { seq: 1, at, quota }]);
    expect((await start("cleo", { id: "a8" })).status).toBe(201);
  });

  test("ST6 Q1 a start costs one request of the plan, once for an id, and what follows nothing", async () => {
    const { start, write } = begin();
    const left = async () => (await api.as("dora", "GET /me")).body.quota.remaining;
    const before = await left();
    const { stream } = (await start("dora", { id: "a1" })).body;
    await start("dora", { id: "a1" });
    await write("dora", stream, { generation: 2, appends: [{ n: 1, text: "one" }], end: {} });
    await start("dora", { id: "a1" });
    expect(before - (await left())).toBe(1);
  });

  test("ST2 requests that are not understood are refused, each with its code", async () => {
    const { start, started, write } = begin();
    const stream = await started("bob", { id: "a1" });
    const deep = JSON.parse(`${'{"a":'.repeat(20)}1${"}".repeat(20)}`);
    const starts: readonly (readonly [body: object, status: number, code: string])[] = [
      [{}, 422, "invalid"],
      [{ id: "" }, 422, "invalid"],
      [{ id: "x", reply: 1 }, 422, "invalid"],
      [{ id: "x", reply_to: 0 }, 422, "invalid"],
      [{ id: "x", data: deep }, 413, "too_large"],
      [{ id: "x", epoch: "other.0" }, 409, "conflict"],
    ];
    for (const [body, status, code] of starts)
      expect([body, brief(await start("bob", body))]).toMatchObject([body, [status, { code }]]);
    const writes: readonly (readonly [body: object, status: number, code: string])[] = [
      [{ appends: [] }, 422, "invalid"],
      [{ generation: 1 }, 422, "invalid"],
      [{ generation: 1, appends: [{ n: 1 }] }, 422, "invalid"],
      [{ generation: 1, appends: [{ n: 1, text: "\ud800" }] }, 422, "invalid"],
      [{ generation: 1, appends: [{ n: 1, text: "", data: deep }] }, 413, "too_large"],
      [{ generation: 1, appends: [], end: { state: "interrupted" } }, 422, "invalid"],
      [{ generation: 1, appends: [], end: { data: deep } }, 413, "too_large"],
    ];
    for (const [body, status, code] of writes)
      expect([body, brief(await write("bob", stream, body))]).toMatchObject([body, [status, { code }]]);
    const misspelt = { generation: 1, appends: [{ n: 1, text: "", dat: {} }] };
    expect((await write("bob", stream, misspelt)).body.detail).toBe(
      "`appends.0.dat`: this request has no such field; it has `n`, `text`, `data`.",
    );
    expect(brief(await write("bob", "none", misspelt))).toEqual([400, { code: "bad_address" }]);
    expect(brief(await write("bob", "AAAAAAAAAAAA", { generation: 1, appends: [] }))).toEqual([
      409,
      { code: "fenced" },
    ]);
  });
});

describe("DELETE …/streams", () => {
  test("ST4 the one whose message is answered stops the answer: the writer learns it with its next append", async () => {
    const { path, started, write, stop, messages } = begin();
    const { seq } = (await api.as("ann", `POST ${path}/messages`, { text: "why?" })).body;
    const stream = await started("bob", { id: "a1", reply_to: seq });
    expect(brief(await stop("eve", `/${stream}`))).toEqual([403, { code: "forbidden" }]);
    expect(brief(await stop("ann", `/${stream}?discard`))).toEqual([403, { code: "forbidden" }]);
    expect(brief(await stop("ann", `/${stream}`))).toEqual([202]);
    expect(brief(await write("bob", stream, { generation: 1, appends: [{ n: 1, text: "be" }] }))).toEqual([
      200,
      { n: 1, cancel: { by: "ann" } },
    ]);
    const end = { generation: 1, appends: [], end: {} };
    expect(brief(await write("bob", stream, end))).toEqual([200, { seq: 2, at, quota }]);
    expect((await messages())[1]).toMatchObject({
      ...{ text: "be", reply_to: seq, stream: { stream, state: "cancelled" } },
    });
    expect(brief(await stop("ann", `/${stream}`))).toEqual([202]);
  });

  test("ST4 `reply_to` names all answers to a message, and those that start a little later", async () => {
    const { name, path, started, write, stop } = begin();
    const { seq } = (await api.as("ann", `POST ${path}/messages`, { text: "why?" })).body;
    await using socket = await join(api.server, "bob", { conversation: name });
    socket.send({ type: "stream_start", id: "a1", reply_to: seq });
    const { stream } = await socket.next("stream_started");
    expect(brief(await stop("ann", `?reply_to=${seq}`))).toEqual([202]);
    expect(await socket.next("stream_cancel")).toEqual({ type: "stream_cancel", stream, by: "ann" });
    const later = await started("carl", { id: "b1", reply_to: seq });
    expect((await write("carl", later, { generation: 1, appends: [] })).body).toEqual({
      ...{ n: 0, cancel: { by: "ann" } },
    });
    const unknown = await stop("ann", "?reply_to=99");
    expect(brief(unknown)).toEqual([404, { code: "not_found" }]);
    expect(unknown.body.detail).toContain("has no message 99");
    expect(brief(await stop("ann", ""))).toEqual([422, { code: "invalid" }]);
    expect(brief(await stop("ann", `/${stream}?discard=perhaps`))).toEqual([422, { code: "invalid" }]);
    expect(brief(await stop("ann", `/${stream}?epoch=other`))).toMatchObject([409, { code: "conflict" }]);
  });

  test("ST4 an API key discards a stream at once: it becomes a message without content", async () => {
    const { started, write, stop, messages } = begin();
    const stream = await started("bob", { id: "a1" });
    await write("bob", stream, { generation: 1, appends: [{ n: 1, text: "secret" }] });
    expect(brief(await stop("key", `/${stream}?discard`))).toEqual([202]);
    expect(await messages()).toEqual([
      {
        ...{ seq: 1, id: "a1", from: "bob", text: "", at },
        ...{ erased: { by: "backend", at }, stream: { stream, state: "cancelled" } },
      },
    ]);
    expect(brief(await write("bob", stream, { generation: 1, appends: [] }))).toEqual([
      409,
      { code: "fenced", seq: 1 },
    ]);
  });
});

describe("who may write", () => {
  test("ST3 MB2 MB3 a muted or banned user starts no stream, and an open one ends at once and is fenced", async () => {
    const { name, path, start, started, write, messages } = begin();
    const stream = await started("bob", { id: "a1" });
    await write("bob", stream, { generation: 1, appends: [{ n: 1, text: "one" }] });
    await api.as("key", `PUT ${path}/mutes/bob`, {});
    await using reader = await join(api.server, "anna", { conversation: name });
    expect(brief(await start("bob", { id: "a2" }))).toEqual([403, { code: "muted" }]);
    await reader.settled();
    expect(await messages()).toMatchObject([{ text: "one", stream: { stream, state: "interrupted" } }]);
    expect(brief(await write("bob", stream, { generation: 1, appends: [] }))).toEqual([
      409,
      { code: "fenced", seq: 1 },
    ]);
    await api.as("key", `PUT ${path}/bans/carl`, {});
    expect(brief(await start("carl", { id: "a1" }))).toEqual([403, { code: "banned" }]);
    const hidden = await api.make();
    expect(brief(await api.as("eve", `POST /conversations/${hidden}/streams`, { id: "a1" }))).toEqual([
      403,
      { code: "forbidden" },
    ]);
    expect(brief(await api.as("eve", `DELETE /conversations/${hidden}/streams/AAAAAAAAAAAA`))).toEqual([
      403,
      { code: "forbidden" },
    ]);
  });

  test("ST3 an API key in its own name writes where only members may", async () => {
    const hidden = await api.make();
    const path = `/conversations/${hidden}/streams`;
    const { stream } = (await api.as("key", `POST ${path}`, { id: "a1" })).body;
    const end = { generation: 1, appends: [{ n: 1, text: "one" }], end: {} };
    expect(brief(await api.as("key", `POST ${path}/${stream}`, end))).toEqual([
      200,
      { seq: 1, at, quota: null },
    ]);
  });

  test("ST3 signing one token out ends what was written with it at once, and nothing else", async () => {
    const { name, path, started, write, messages } = begin();
    await using reader = await join(api.server, "anna", { conversation: name });
    const other = await api.server.token("bob");
    const kept = (await api.send(other, `POST ${path}/streams`, { id: "kept" })).body.stream;
    const stream = await started("bob", { id: "a1" });
    await write("bob", stream, { generation: 1, appends: [{ n: 1, text: "one" }] });
    expect((await api.as("bob", "POST /logout")).status).toBe(204);
    expect(await reader.next("message")).toMatchObject({
      ...{ text: "one", stream: { stream, state: "interrupted" } },
    });
    expect(await messages()).toHaveLength(1);
    expect(
      brief(await api.send(other, `POST ${path}/streams/${kept}`, { generation: 1, appends: [] })),
    ).toEqual([200, { n: 0 }]);
  });
});

test("ST3 the lease runs from the newest request of the writer, also from one without appends", async () => {
  const clock = new ManualClock();
  await using own = await startMemberServer({ clock, env: { STREAM_LEASE: "30" } });
  const path = "/conversations/lobby/streams";
  const { stream } = (await own.as("bob", `POST ${path}`, { id: "a1" })).body;
  const write = () => own.as("bob", `POST ${path}/${stream}`, { generation: 1, appends: [] });
  for (let k = 0; k < 3; k++) {
    clock.advance(29_000);
    expect(brief(await write())).toEqual([200, { n: 0 }]);
  }
  clock.advance(31_000);
  expect(brief(await write())).toEqual([409, { code: "fenced", seq: 1 }]);
});
