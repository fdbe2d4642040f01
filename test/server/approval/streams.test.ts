import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { join } from "../../support/clients/join.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { startMemberServer } from "../http/routes/members/member-api.ts";
import { OperatorServer } from "./operator-server.ts";

const operator = new OperatorServer();
const clock = new ManualClock(Date.now());
let api: Awaited<ReturnType<typeof startMemberServer>>;
let count = 0;
let room: string;

const accept = () => ({ action: "accept" });
const atEnd =
  (answer: object) =>
  ({ type }: { type: string }) =>
    type === "stream_end" ? answer : accept();

beforeAll(async () => {
  api = await startMemberServer({ clock, env: { APPROVAL_URL: operator.url } });
});
afterAll(async () => {
  await api.server.stop();
  operator[Symbol.dispose]();
});
beforeEach(() => {
  room = `room-${++count}`;
  operator.answer = accept;
});

const asked = () =>
  operator.questions.flatMap(({ conversation, type, message, user }) =>
    conversation === room ? [{ type, user, message }] : [],
  );

async function startStream(fields: object = {}) {
  const ann = await join(api.server, "ann", { conversation: room });
  ann.send({ type: "stream_start", id: "s1", ...fields });
  const { stream } = await ann.next("stream_started");
  ann.send({ type: "stream_append", stream, n: 1, text: "you " });
  return { ann, stream };
}

test("AP4 a stream is asked about at its start, and at its end with its whole text", async () => {
  const { ann, stream } = await startStream({ data: { model: "m" }, reply_to: 3 });
  ann.send({ type: "stream_append", stream, n: 2, text: "dear" });
  ann.send({ type: "stream_end", stream, data: { tokens: 2 } });
  expect(await ann.next("ack")).toMatchObject({ id: "s1", seq: 1 });
  expect(asked()).toEqual([
    {
      ...{ type: "stream_start", user: "ann" },
      message: { id: "s1", text: "", data: { model: "m" }, reply_to: 3 },
    },
    {
      ...{ type: "stream_end", user: "ann" },
      message: { id: "s1", text: "you dear", data: { tokens: 2 }, reply_to: 3 },
    },
  ]);
  await ann[Symbol.asyncDispose]();
});

test("AP4 a stream that is refused at its start is not begun; one that is taken over costs no question", async () => {
  operator.answer = () => ({ action: "reject", reason: "no models" });
  await using ann = await join(api.server, "ann", { conversation: room });
  ann.send({ type: "stream_start", id: "s1" });
  expect(await ann.next("error")).toMatchObject({ id: "s1", code: "rejected", reason: "no models" });
  operator.answer = () => ({ action: "replace", data: { checked: true }, text: "ignored" });
  ann.send({ type: "stream_start", id: "s1", data: { model: "m" } });
  const { stream } = await ann.next("stream_started");
  ann.send({ type: "stream_start", id: "s1" });
  expect(await ann.next("stream_started")).toMatchObject({ stream, n: 0 });
  expect(asked()).toHaveLength(2);
  operator.answer = accept;
  ann.send({ type: "stream_append", stream, n: 1, text: "text" });
  ann.send({ type: "stream_end", stream });
  expect(await ann.next("message")).toMatchObject({ text: "text", data: { checked: true } });
});

test("AP4 a stream that is refused at its end becomes an erased message, and its writer gets `rejected` with its number", async () => {
  operator.answer = atEnd({ action: "reject", reason: "insult" });
  await using ben = await join(api.server, "ben", { conversation: room, query: "&streams=1" });
  const { ann, stream } = await startStream();
  ann.send({ type: "stream_append", stream, n: 2, text: "fool" });
  ann.send({ type: "stream_end", stream });
  const refusal = { code: "rejected", reason: "insult", stream, id: "s1", seq: 1 };
  expect(await ann.next("error")).toMatchObject(refusal);
  expect(ann.of("ack")).toEqual([]);
  expect(await ben.next("message")).toMatchObject({
    ...{ seq: 1, id: "s1", text: "", erased: { by: "approval", reason: "insult" } },
    stream: { stream, state: "rejected" },
  });
  await ann[Symbol.asyncDispose]();
});

test("AP4 over HTTP a text is replaced, and what is appended during the question does not slip in", async () => {
  const path = `/conversations/${room}/streams`;
  const { stream, generation } = (await api.as("ann", `POST ${path}`, { id: "s1" })).body;
  const held = Promise.withResolvers<object>();
  operator.answer = () => held.promise;
  const end = api.as("ann", `POST ${path}/${stream}`, {
    generation,
    appends: [{ n: 1, text: "good" }],
    end: {},
  });
  await operator.asked(room, 2);
  const late = { generation, appends: [{ n: 2, text: " and bad" }] };
  expect((await api.as("ann", `POST ${path}/${stream}`, late)).status).toBe(200);
  held.resolve({ action: "accept" });
  expect((await end).body).toMatchObject({ seq: 1 });
  operator.answer = atEnd({ action: "replace", text: "****" });
  const other = (await api.as("ann", `POST ${path}`, { id: "s2" })).body;
  const whole = { generation: other.generation, appends: [{ n: 1, text: "4111" }], end: {} };
  expect((await api.as("ann", `POST ${path}/${other.stream}`, whole)).body).toMatchObject({ seq: 2 });
  operator.answer = atEnd({ action: "reject", reason: "no" });
  const last = (await api.as("ann", `POST ${path}`, { id: "s3" })).body;
  const refused = await api.as("ann", `POST ${path}/${last.stream}`, { ...whole, generation: 1 });
  expect([refused.status, refused.body]).toMatchObject([422, { code: "rejected", reason: "no", seq: 3 }]);
  const { messages } = (await api.as("ann", `GET /conversations/${room}/messages`)).body;
  expect(messages.map(({ text }: { text: string }) => text)).toEqual(["good", "****", ""]);
});

test("AP4 what the server ends since its writer is gone is asked about, too", async () => {
  const { ann, stream } = await startStream();
  await ann.settled();
  clock.advance(200);
  await ann.next("stream_stored");
  operator.answer = atEnd({ action: "reject", reason: "left" });
  await ann[Symbol.asyncDispose]();
  await waitUntil("it is a message", async () => {
    clock.advance(10_000);
    return (await api.as("key", `GET /conversations/${room}/messages`)).body.messages.length === 1;
  });
  const { messages } = (await api.as("key", `GET /conversations/${room}/messages`)).body;
  expect(messages).toMatchObject([
    { text: "", erased: { by: "approval", reason: "left" }, stream: { stream, state: "rejected" } },
  ]);
  expect(asked().at(-1)).toMatchObject({ type: "stream_end", message: { text: "you " } });
});
