import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { join } from "../../support/clients/join.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startMemberServer } from "../http/routes/members/member-api.ts";
import { OperatorServer } from "./operator-server.ts";

const operator = new OperatorServer();
let api: Awaited<ReturnType<typeof startMemberServer>>;
let count = 0;
let room: string;

const accept = () => ({ action: "accept" });

beforeAll(async () => {
  api = await startMemberServer({ env: { APPROVAL_URL: operator.url, APPROVAL_FOR: "message, open" } });
});
afterAll(async () => {
  await api.server.stop();
  operator[Symbol.dispose]();
});
beforeEach(() => {
  room = `room-${++count}`;
  operator.answer = accept;
});

const questions = (type: string) =>
  operator.questions.flatMap(({ headers: _, body: __, id: ___, at: ____, ...question }) =>
    question.type === type && question.conversation === room ? [question] : [],
  );

/** The reasons of all erased messages, as one reads them later. */
async function reasonsIn(conversation: string): Promise<unknown[]> {
  const { body } = await api.as("key", `GET /conversations/${conversation}/messages`);
  return body.messages.map(({ erased }: { erased: { reason?: string } }) => erased.reason);
}

describe("AP1 edits", () => {
  test("AP1 an edit is asked about as the whole message that it would make", async () => {
    await using ann = await join(api.server, "ann", { conversation: room });
    ann.send({ type: "message", id: "m1", text: "hello", data: { n: 1 } });
    await ann.next("ack");
    ann.send({ type: "edit", seq: 1, text: "good day", id: "e1" });
    expect(await ann.next("ack")).toMatchObject({ id: "e1", rev: 1 });
    expect(questions("edit")).toEqual([
      {
        ...{ type: "edit", conversation: room, user: "ann", seq: 1 },
        message: { id: "m1", text: "good day", data: { n: 1 } },
      },
    ]);
    operator.answer = () => ({ action: "reject", reason: "no" });
    ann.send({ type: "edit", seq: 1, text: "fool", id: "e2" });
    expect(await ann.next("error")).toMatchObject({ id: "e2", code: "rejected", reason: "no" });
    operator.answer = () => ({ action: "replace", text: "f**l", data: null });
    const { status, body } = await api.as("ann", `PATCH /conversations/${room}/messages/1`, { text: "fool" });
    expect([status, body.rev]).toEqual([200, 2]);
    const { body: message } = await api.as("ann", `GET /conversations/${room}/messages/1`);
    expect(message).toMatchObject({ text: "f**l" });
    expect(message).not.toHaveProperty("data");
  });

  test("AP1 an edit that is not made, or was made, costs no question; erasures and reactions cost none and keep their order", async () => {
    await using ann = await join(api.server, "ann", { conversation: room });
    ann.send({ type: "message", id: "m1", text: "hello" });
    ann.send({ type: "edit", seq: 1, text: "good day", id: "e1" });
    ann.send({ type: "react", seq: 1, reaction: "x", on: true, id: "r1" });
    ann.send({ type: "edit", seq: 1, text: "good day", id: "e1" });
    ann.send({ type: "edit", seq: 1, text: "good day", id: "e3" });
    ann.send({ type: "edit", seq: 7, text: "good day", id: "e4" });
    ann.send({ type: "erase", seq: 1, id: "x1" });
    for (const _ of "123456") await ann.next("ack");
    expect(ann.of("ack").map(({ id }) => id)).toEqual(["m1", "e1", "r1", "e1", "e3", "x1"]);
    expect(ann.of("error")).toMatchObject([{ id: "e4", code: "not_found" }]);
    expect(questions("edit")).toHaveLength(1);
  });

  test("AP1 the reason of the erasure of one's own message is not stored, since nobody has approved it; a moderator's is", async () => {
    await using ann = await join(api.server, "ann", { conversation: room });
    await using ben = await join(api.server, "ben", { conversation: room });
    for (const id of ["m1", "m2", "m3"]) ann.send({ type: "message", id, text: "hello" });
    for (const _ of "123") await ann.next("ack");
    operator.answer = () => ({ action: "reject" });
    const reason = "4111 1111";
    ann.send({ type: "erase", seq: 1, reason });
    const erased = async () => (await ben.next("change")).set.erased;
    expect(await erased()).not.toHaveProperty("reason");
    const path = `DELETE /conversations/${room}/messages`;
    const query = new URLSearchParams({ reason });
    expect((await api.as("key", `${path}/2?${query}&from=ann`)).status).toBe(200);
    expect(await erased()).not.toHaveProperty("reason");
    expect((await api.as("key", `${path}/3?${query}`)).status).toBe(200);
    expect(await erased()).toMatchObject({ reason });
    expect(await reasonsIn(room)).toEqual([undefined, undefined, reason]);
  });
});

describe("AP1 titles and data of conversations", () => {
  test("AP1 what is new of a conversation is asked about before it is made or changed", async () => {
    operator.answer = () => ({ action: "reject", reason: "rude" });
    const facts = { title: "Fools", data: { topic: "x" } };
    const refused = await api.as("ann", "POST /conversations", facts);
    expect([refused.status, refused.body]).toMatchObject([422, { code: "rejected", reason: "rude" }]);
    expect(operator.questions.at(-1)).toMatchObject({ type: "conversation", user: "ann", ...facts });

    operator.answer = () => ({ action: "replace", text: "Friends" });
    const made = await api.as("ann", "POST /conversations", facts);
    expect(made.body).toMatchObject({ title: "Friends", data: { topic: "x" } });
    const path = `/conversations/${made.body.conversation}`;
    operator.answer = () => ({ action: "replace", data: null });
    expect((await api.as("ann", `PATCH ${path}`, { data: { topic: "y" } })).body).toMatchObject({
      title: "Friends",
    });
    expect((await api.as("ann", `GET ${path}`)).body).not.toHaveProperty("data");
    operator.answer = () => ({ action: "reject" });
    expect((await api.as("key", `PUT ${path}`, { title: "Fools" })).status).toBe(422);
  });

  test("AP1 what says nothing new, and who may not change it, costs no question", async () => {
    const { body } = await api.as("ann", "POST /conversations", { title: "Friends", id: "one" });
    const before = operator.questions.length;
    expect((await api.as("ann", "POST /conversations", { title: "Friends", id: "one" })).status).toBe(200);
    const path = `/conversations/${body.conversation}`;
    expect((await api.as("ann", `PATCH ${path}`, { access: "members" })).status).toBe(200);
    expect((await api.as("ann", `PATCH ${path}`, { title: null })).status).toBe(200);
    expect((await api.as("eve", `PATCH ${path}`, { title: "Mine" })).status).toBe(403);
    expect(operator.questions.length).toBe(before);
  });

  test("AP3 a title that is too long is no answer", async () => {
    operator.answer = () => ({ action: "replace", text: "x".repeat(201) });
    expect((await api.as("ann", "POST /conversations", { title: "Friends" })).status).toBe(503);
  });
});

test("AP1 the opening of a conversation is asked about on both kinds of sockets, and a refusal says why", async () => {
  const addressOf = async (user: string, rest: string) =>
    `${api.server.wsUrl}/ws/${user}${rest}?token=${await api.server.token(user)}`;
  await using watching = await join(api.server, "ben", { conversation: room });
  expect(questions("open")).toEqual([{ type: "open", conversation: room, user: "ben" }]);
  await using user = await TestClient.connect(await addressOf("cem", ""));
  operator.answer = () => ({ action: "reject", reason: "closed today" });
  user.send({ type: "open", conversations: [{ conversation: room }] });
  const refusal = { code: "rejected", reason: "closed today" };
  expect(await user.next("error")).toMatchObject({ conversation: room, ...refusal });
  const sole = TestClient.open(await addressOf("dan", `/${room}`));
  expect(await sole.next("error")).toMatchObject(refusal);
  expect(await sole.closed).toMatchObject({ code: 4403 });
  operator.answer = accept;
  user.send({ type: "open", conversations: [{ conversation: room }] });
  await user.next("opened");
  // Who was refused was never present.
  while ((await watching.next("presence")).user !== "cem");
  expect(watching.of("presence").map((frame) => frame.user)).toEqual(["cem"]);
});
