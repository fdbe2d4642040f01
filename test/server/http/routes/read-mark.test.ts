// The HTTP counterparts of a `read` frame, and of a page of history with one message.
import { expect, test } from "bun:test";
import { joinRaw } from "../../../support/clients/join.ts";
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

test("D6 GET …/messages/{seq} returns the message, for one request; another number is `not_found`", async () => {
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
  expect(await send(server, "ben", "GET", "lobby/messages/2")).toMatchObject({
    status: 404,
    body: { code: "not_found" },
  });
  for (const wrong of ["0", "x", "1.5"])
    expect(await send(server, "ben", "GET", `lobby/messages/${wrong}`)).toMatchObject({
      status: 422,
      body: { code: "invalid" },
    });
});
