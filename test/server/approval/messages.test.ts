import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { connect, startStream, watchMessages } from "../../../src/client/index.ts";
import { makeWebhookSecret, signWebhook, webhookKeyOf } from "../../../src/server/webhooks/signature.ts";
import { join } from "../../support/clients/join.ts";
import { SOCKETS } from "../../support/clients/sockets.ts";
import { startMemberServer } from "../http/routes/members/member-api.ts";
import { OperatorServer } from "./operator-server.ts";

const SECRET = makeWebhookSecret();
const operator = new OperatorServer();
let api: Awaited<ReturnType<typeof startMemberServer>>;
let count = 0;
/** A conversation of its own for each test. */
let room: string;

beforeAll(async () => {
  api = await startMemberServer({
    env: {
      APPROVAL_URL: operator.url,
      APPROVAL_SECRET: SECRET,
      PLANS: "free:3:0,premium:0:0",
      DEFAULT_PLAN: "premium",
    },
  });
});
afterAll(async () => {
  await api.server.stop();
  operator[Symbol.dispose]();
});
beforeEach(() => {
  room = `room-${++count}`;
  operator.answer = () => ({ action: "accept" });
});

const post = (user: string, message: object) => api.as(user, `POST /conversations/${room}/messages`, message);

async function texts(): Promise<string[]> {
  const { body } = await api.as("key", `GET /conversations/${room}/messages`);
  return body.messages.map(({ text }: { text: string }) => text);
}

/** Holds the answers back until the returned function is called. */
function holdBack(): (action?: object) => void {
  const held = Promise.withResolvers<object>();
  operator.answer = () => held.promise;
  return (answer = { action: "accept" }) => held.resolve(answer);
}

for (const [kind, connect] of SOCKETS)
  describe(kind, () => {
    const enter = async (user: string, options?: { plan?: string }) =>
      connect(`${api.server.wsUrl}/ws/${user}/${room}?token=${await api.server.token(user, options)}`);

    test("AP1 a message is asked about, signed, before it is stored", async () => {
      await using ann = await enter("ann");
      ann.send({ type: "message", id: "m1", text: "hello", data: { n: 1 } });
      expect(await ann.next("ack")).toMatchObject({ id: "m1", seq: 1 });
      const asked = operator.questions.find(({ conversation }) => conversation === room)!;
      const { headers, body, id, at, ...question } = asked;
      expect(question).toEqual({
        type: "message",
        conversation: room,
        user: "ann",
        message: { id: "m1", text: "hello", data: { n: 1 } },
      });
      expect(Math.abs(at - Date.now())).toBeLessThan(60_000);
      for (const [name, value] of Object.entries(signWebhook({ id, at, body }, [webhookKeyOf(SECRET)!])))
        expect(headers.get(name)).toBe(value);
    });

    test("AP1 a refused message is free, numbered by nothing, seen by none, and not remembered", async () => {
      const user = `free-${room}`;
      await using ann = await enter(user, { plan: "free" });
      await using ben = await enter("ben");
      operator.answer = () => ({ action: "reject", reason: "no insults" });
      ann.send({ type: "message", id: "m1", text: "you fool" });
      expect(await ann.next("error")).toMatchObject({ id: "m1", code: "rejected", reason: "no insults" });
      operator.answer = () => ({ action: "accept" });
      ann.send({ type: "message", id: "m1", text: "dear friend" });
      expect(await ann.next("ack")).toMatchObject({ seq: 1, quota: { remaining: 2 } });
      expect(await ben.next("message")).toMatchObject({ seq: 1, text: "dear friend" });
      expect(operator.textsOf(room)).toEqual(["you fool", "dear friend"]);
      expect(api.server.log.events()).toContain("approval.rejected");
    });

    test("AP1 what is stored already, and a user without a request left, are answered without a question", async () => {
      await using ann = await enter(`free-${room}`, { plan: "free" });
      for (const id of ["1", "2", "3", "1", "4"]) ann.send({ type: "message", id, text: id });
      for (const _ of "123") await ann.next("ack");
      expect(await ann.next("ack")).toMatchObject({ id: "1", duplicate: true });
      expect(await ann.next("error")).toMatchObject({ id: "4", code: "rate_limited" });
      expect(operator.textsOf(room)).toEqual(["1", "2", "3"]);
    });

    test("AP1 another text takes the place of a message's, and data is dropped by null", async () => {
      await using ann = await enter("ann");
      operator.answer = () => ({ action: "replace", text: "****", data: null });
      ann.send({ type: "message", id: "m1", text: "4111 1111", data: { n: 1 } });
      expect(await ann.next("message")).not.toHaveProperty("data");
      expect(ann.of("message")).toMatchObject([{ id: "m1", text: "****" }]);
      expect(await texts()).toEqual(["****"]);
    });

    test("AP2 a sender's requests wait in their order, and nobody else's do", async () => {
      await using ann = await enter("ann");
      await using ben = await enter("ben");
      const release = holdBack();
      ann.send({ type: "message", id: "a1", text: "first" });
      await operator.asked(room);
      ann.send({ type: "message", id: "a2", text: "second" });
      ann.send({ type: "history", id: "h" });
      operator.answer = () => ({ action: "accept" });
      ben.send({ type: "message", id: "b1", text: "ben" });
      expect(await ben.next("ack")).toMatchObject({ id: "b1", seq: 1 });
      release();
      await ann.next("history");
      expect(
        ann.frames.flatMap((frame) => ("id" in frame && frame.type !== "message" ? [frame.id] : [])),
      ).toEqual(["a1", "a2", "h"]);
      expect(await texts()).toEqual(["ben", "first", "second"]);
    });
  });

test("AP1 tries of one id that wait together wait for one answer; another text is another question", async () => {
  const release = holdBack();
  await using ann = await join(api.server, "ann", { conversation: room });
  for (const text of ["same", "same", "other"]) ann.send({ type: "message", id: "m1", text });
  await operator.asked(room);
  // All three wait by then.
  await ann.settled();
  operator.answer = () => ({ action: "accept" });
  release({ action: "reject" });
  await ann.next("ack");
  expect(ann.of("error").map(({ code }) => code)).toEqual(["rejected", "rejected"]);
  expect(operator.textsOf(room)).toEqual(["same", "other"]);
});

test("AP2 at most 16 requests of a sender wait; a batch waits as a whole", async () => {
  const release = holdBack();
  const first = post("ann", { id: "0", text: "0" });
  await operator.asked(room);
  const more = Array.from({ length: 17 }, (_, i) => post("ann", { id: `${i + 1}`, text: `${i + 1}` }));
  const refused = await Promise.race(more);
  expect(refused.body).toMatchObject({ code: "busy", retry_after: 1 });
  const batch = api.as(
    "ben",
    "POST /messages",
    Array.from({ length: 40 }, (_, i) => ({ conversation: room, text: `ben ${i}` })),
  );
  release();
  expect((await first).status).toBe(201);
  expect((await Promise.all(more)).filter(({ status }) => status === 201)).toHaveLength(16);
  const { results } = (await batch).body;
  expect(results.map(({ seq }: { seq?: number }) => seq).every((seq: unknown) => seq !== undefined)).toBe(
    true,
  );
});

test("AP1 the library fails the one message or stream, with the reason, and holds up nothing", async () => {
  operator.answer = ({ type, message }) =>
    type !== "stream_start" && message?.text.includes("fool")
      ? { action: "reject", reason: "no insults" }
      : { action: "accept" };
  await using parley = Object.assign(connect({ url: api.server.url, token: await api.server.token("ann") }), {
    [Symbol.asyncDispose]: () => parley.close(),
  });
  const conversation = parley.conversation(room);
  const shown = watchMessages(conversation);
  using _ = { [Symbol.dispose]: shown.subscribe(() => {}) };
  const refused = conversation.send("you fool").catch((error) => error);
  const next = conversation.send("dear friend");
  expect(await refused).toMatchObject({
    ...{ code: "rejected", reason: "no insults", conversation: room },
    message: "The approval of this server refused it: no insults",
  });
  expect(await next).toMatchObject({ seq: 1 });
  const stream = startStream(conversation);
  await stream.write("fool");
  expect(await stream.end().catch((error) => error)).toMatchObject({
    code: "rejected",
    reason: "no insults",
  });
  expect(shown.getSnapshot().entries.find(({ state }) => state === "failed")).toMatchObject({
    ...{ text: "you fool", error: { code: "rejected" } },
  });
});
