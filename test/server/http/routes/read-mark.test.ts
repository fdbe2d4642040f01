// The HTTP counterparts of a `read` frame, and of a page of history with one message.
import { expect, test } from "bun:test";
import type { ServerFrameOf } from "../../../../src/protocol/server-frames.ts";
import { joinRaw } from "../../../support/clients/join.ts";
import { TestClient } from "../../../support/clients/test-client.ts";
import { startTestServer, type TestServer } from "../../../support/server/test-server.ts";

async function send(server: TestServer, user: string, method: string, path: string, body?: object) {
  const response = await fetch(`${server.url}/conversations/${path}`, {
    method,
    headers: { Authorization: `Bearer ${await server.token(user)}`, "Content-Type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

test("IN1 P4 PUT …/read moves the mark, returns what is unread, and is announced as the frame is", async () => {
  await using server = await startTestServer();
  await using ben = await joinRaw(server, "ben");
  const texts = ["1", "2", "3"];
  for (const text of texts) await send(server, "anna", "POST", "lobby/messages", { text });
  expect(await send(server, "cy", "PUT", "lobby/read", { seq: 2 })).toEqual({
    status: 200,
    body: { read: 2, unread: 1 },
  });
  expect(await ben.waitForFrame("read")).toEqual({ type: "read", user: "cy", seq: 2 });
  // A mark moves neither back nor beyond the newest message.
  expect((await send(server, "cy", "PUT", "lobby/read", { seq: 1 })).body).toEqual({ read: 2, unread: 1 });
  expect((await send(server, "cy", "PUT", "lobby/read", { seq: 99 })).body).toEqual({ read: 2, unread: 1 });
});

test("PUT …/read refuses another epoch, another user, and a wrong body", async () => {
  await using server = await startTestServer();
  await send(server, "ben", "POST", "lobby/messages", { text: "1" });
  const { epoch } = (await send(server, "ben", "GET", "lobby")).body;
  expect(await send(server, "ben", "PUT", "lobby/read", { seq: 1, epoch: "other.0" })).toMatchObject({
    status: 409,
    body: { code: "conflict", epoch },
  });
  expect(await send(server, "ben", "PUT", "lobby/read", { seq: 1, epoch })).toMatchObject({ status: 200 });
  expect(await send(server, "ben", "PUT", "lobby/read?user=anna", { seq: 1 })).toMatchObject({
    status: 403,
    body: { code: "forbidden" },
  });
  for (const body of [{}, { seq: -1 }, { seq: "1" }])
    expect(await send(server, "ben", "PUT", "lobby/read", body)).toMatchObject({
      status: 422,
      body: { code: "invalid" },
    });
});

test("D6 Q2 GET …/messages/{seq} returns the message, for one request; another number is `not_found`, and free", async () => {
  await using server = await startTestServer();
  const stored = await send(server, "anna", "POST", "lobby/messages", {
    id: "m1",
    text: "hello",
    data: { a: 1 },
  });
  const { seq, at } = stored.body;
  expect(await send(server, "ben", "GET", "lobby/messages/1")).toEqual({
    status: 200,
    body: { seq, id: "m1", from: "anna", text: "hello", data: { a: 1 }, at },
  });
  const remaining = async () => {
    const headers = { Authorization: `Bearer ${await server.token("ben")}` };
    return ((await (await fetch(`${server.url}/me`, { headers })).json()) as { quota: { remaining: number } })
      .quota.remaining;
  };
  const left = await remaining();
  expect(await send(server, "ben", "GET", "lobby/messages/2")).toMatchObject({
    status: 404,
    body: { code: "not_found" },
  });
  for (const wrong of ["0", "x", "1.5"])
    expect(await send(server, "ben", "GET", `lobby/messages/${wrong}`)).toMatchObject({
      status: 422,
      body: { code: "invalid" },
    });
  expect(await remaining()).toBe(left);
});

test("D6 N2 a page around a message, and pages of another epoch, over HTTP and on both kinds of socket", async () => {
  await using server = await startTestServer();
  for (let n = 1; n <= 9; n++) await send(server, "anna", "POST", "lobby/messages", { text: `${n}` });
  const { epoch } = (await send(server, "anna", "GET", "lobby")).body;
  const page = await send(server, "ben", "GET", `lobby/messages?around=4&limit=4&epoch=${epoch}`);
  const seqs = (messages: { seq: number }[]) => messages.map(({ seq }) => seq);
  expect([seqs(page.body.messages), page.body.more, page.body.quota.remaining]).toEqual([
    [2, 3, 4, 5],
    true,
    99,
  ]);
  for (const path of ["lobby/messages?around=4&epoch=other.0", "lobby/messages/4?epoch=other.0"])
    expect(await send(server, "ben", "GET", path)).toMatchObject({
      status: 409,
      body: { code: "conflict", epoch },
    });
  expect((await send(server, "ben", "GET", "lobby/messages?around=4&before=3")).body.code).toBe("invalid");
  await using one = await joinRaw(server, "ben");
  await using raw = await TestClient.connect(`${server.wsUrl}/ws/ben?token=${await server.token("ben")}`);
  const frame = { type: "history", around: 4, limit: 4, epoch };
  one.sendJson({ ...frame, id: "h1" });
  raw.send({ ...frame, conversation: "lobby", id: "h1" });
  const answers = [
    await one.waitForFrame("history"),
    await raw.next("history"),
  ] as ServerFrameOf<"history">[];
  for (const answer of answers)
    expect([seqs(answer.messages), answer.more, answer.id]).toEqual([[2, 3, 4, 5], true, "h1"]);
  one.sendJson({ ...frame, epoch: "other.0", id: "h2" });
  raw.send({ ...frame, conversation: "lobby", epoch: "other.0", id: "h2" });
  const refused = { type: "error", code: "conflict", message: expect.any(String), id: "h2" };
  expect(await one.waitForFrame("error")).toEqual(refused as never);
  expect(await raw.next("error")).toEqual({ ...refused, conversation: "lobby" } as never);
  // Each page was one request, and a refused one none.
  expect((await send(server, "ben", "GET", "lobby/messages?limit=1")).body.quota.remaining).toBe(96);
});
