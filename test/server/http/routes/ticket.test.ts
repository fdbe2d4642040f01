import { describe, expect, test } from "bun:test";
import { TICKET_LIFETIME_MS } from "../../../../src/core/access/tickets.ts";
import { signToken } from "../../../../src/server/authentication/tokens.ts";
import { RawSocket } from "../../../support/clients/raw-socket.ts";
import { startTestServer, type TestServer } from "../../../support/server/test-server.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";

async function ask(server: TestServer, token: string, body: unknown = { conversation: "lobby" }) {
  const response = await fetch(`${server.url}/ticket`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function ticketFor(server: TestServer, token: string, conversation = "lobby"): Promise<string> {
  return (await ask(server, token, { conversation })).body.ticket as string;
}

const open = (server: TestServer, ticket: string, place = "anna/lobby") =>
  RawSocket.handshake(server.port, `/ws/${place}?ticket=${ticket}`);

/** The codes that a refused client receives: the error's and the Close frame's. */
async function refusalOf(raw: RawSocket): Promise<[string | undefined, number]> {
  const { code } = await raw.waitForClose();
  const [error] = raw.frames;
  return [error?.type === "error" ? error.code : undefined, code];
}

describe("A7 W3 POST /ticket", () => {
  test("A7 a misspelt `conversation` is refused, and makes no ticket for the socket of the user", async () => {
    await using server = await startTestServer();
    const { status, body } = await ask(server, await server.token("anna"), { conversations: "lobby" });
    expect([status, body.code, body.detail]).toEqual([
      422,
      "invalid",
      "`conversations`: this request has no such field; it has `conversation`.",
    ]);
  });

  test("A7 a body under a content type that is not read is refused, and makes no ticket for the socket of the user", async () => {
    await using server = await startTestServer();
    const headers = {
      Authorization: `Bearer ${await server.token("anna")}`,
      "Content-Type": "text/plain;charset=UTF-8",
    };
    const body = JSON.stringify({ conversation: "lobby" });
    const response = await fetch(`${server.url}/ticket`, { method: "POST", headers, body });
    expect([response.status, ((await response.json()) as { detail: string }).detail]).toEqual([
      422,
      "Body should be a form or JSON: send `Content-Type: application/x-www-form-urlencoded` or `application/json`",
    ]);
  });

  test("A7 W3 a ticket opens its conversation, once", async () => {
    await using server = await startTestServer();
    const { status, body } = await ask(server, await server.token("anna"));
    expect([status, body]).toEqual([200, { ticket: expect.stringMatching(/^[\w-]{43}$/), expires_in: 30 }]);
    const ticket = body.ticket as string;
    await using first = await open(server, ticket);
    expect(await first.waitForFrame("welcome")).toMatchObject({ user: "anna", conversation: "lobby" });
    await using second = await open(server, ticket);
    expect(await refusalOf(second)).toEqual(["unauthorized", 4401]);
  });

  test("A7 W3 a ticket without a conversation opens the socket of its user, and no other", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    const ticket = async () => (await ask(server, token, {})).body.ticket as string;
    await using own = await open(server, await ticket(), "anna");
    expect(await own.waitForFrame("welcome")).toMatchObject({ user: "anna" });
    for (const place of ["ben", "anna/lobby"]) {
      await using raw = await open(server, await ticket(), place);
      expect(await refusalOf(raw)).toEqual(["unauthorized", 4401]);
    }
    await using raw = await open(server, await ticketFor(server, token), "anna");
    expect(await refusalOf(raw)).toEqual(["unauthorized", 4401]);
  });

  test("A7 W3 a ticket opens no other conversation, no other user's address, and none after 30 seconds", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock });
    const token = await server.token("anna");
    for (const place of ["anna/other", "ben/lobby"]) {
      await using raw = await open(server, await ticketFor(server, token), place);
      expect(await refusalOf(raw)).toEqual(["unauthorized", 4401]);
    }
    const late = await ticketFor(server, token);
    clock.advance(TICKET_LIFETIME_MS);
    await using raw = await open(server, late);
    expect(await refusalOf(raw)).toEqual(["unauthorized", 4401]);
  });

  test("A7 W3 SEC-T5 SEC-T6 a ticket is as valid as its token when it is used", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock });
    const revoked = await ticketFor(server, await server.token("anna"));
    clock.advance(1);
    await server.revocations.revokeUser("anna", clock.now());
    await using first = await open(server, revoked);
    expect(await refusalOf(first)).toEqual(["token_revoked", 4401]);

    const expired = await ticketFor(server, await server.token("anna", { lifetime: 10 }));
    clock.advance(11_000);
    await using second = await open(server, expired);
    expect(await refusalOf(second)).toEqual(["token_expired", 4401]);
  });

  test("A3 a socket that a ticket opened is closed when the token behind it is revoked", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    await using raw = await open(server, await ticketFor(server, token));
    await raw.waitForFrame("welcome");
    const headers = { Authorization: `Bearer ${token}` };
    expect((await fetch(`${server.url}/logout`, { method: "POST", headers })).status).toBe(204);
    expect((await raw.waitForClose()).code).toBe(4401);
  });

  test("A1 a token that does not allow the conversation gets no ticket for it", async () => {
    await using server = await startTestServer();
    const grants = { conversations: ["team-*"] };
    const token = await signToken(server.keys, { subject: "anna", grants, now: Date.now() });
    expect(await ask(server, token)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect((await ask(server, token, { conversation: "team-7" })).status).toBe(200);
    const writer = await signToken(server.keys, {
      subject: "anna",
      grants: { rights: ["write"] },
      now: Date.now(),
    });
    expect((await ask(server, writer)).status).toBe(403);
  });

  test("B3 no ticket is issued without a token, or for an impossible conversation", async () => {
    await using server = await startTestServer();
    expect((await ask(server, "x")).status).toBe(401);
    const token = await server.token("anna");
    for (const body of [{ conversation: "a b" }, { conversation: 7 }, []])
      expect(await ask(server, token, body)).toMatchObject({ status: 422, body: { code: "invalid" } });
  });

  test("SEC-T7 no line of the log contains a ticket", async () => {
    await using server = await startTestServer();
    const ticket = await ticketFor(server, await server.token("anna"));
    await using first = await open(server, ticket);
    await first.waitForFrame("welcome");
    await using second = await open(server, ticket);
    await second.waitForClose();
    expect(JSON.stringify(server.log.entries)).not.toContain(ticket);
  });
});
