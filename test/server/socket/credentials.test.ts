import { describe, expect, test } from "bun:test";
import type { ErrorCode } from "../../../src/protocol/errors.ts";
import { type Fields, RawSocket } from "../../support/clients/raw-socket.ts";
import { accountOf, startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** The codes that a refused client receives, in order: the error's, `closing`'s and the Close frame's. */
async function refusalOf(raw: RawSocket): Promise<[ErrorCode | undefined, number | undefined, number]> {
  const { code } = await raw.waitForClose();
  expect(raw.response?.status).toBe(101);
  expect(raw.frames.map(({ type }) => type)).toEqual(["error", "closing"]);
  const [error, closing] = raw.frames;
  return [
    error?.type === "error" ? error.code : undefined,
    closing?.type === "closing" ? closing.code : undefined,
    code,
  ];
}

async function open(server: TestServer, target: string, fields: Fields = {}): Promise<RawSocket> {
  return RawSocket.handshake(server.port, target, fields);
}

describe("W3 credentials, checked after the upgrade", () => {
  test("W3 the credential may come in each of four places", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    const places: readonly (readonly [target: string, fields: Fields])[] = [
      [`/ws/anna/lobby?token=${token}`, {}],
      ["/ws/anna/lobby", { Authorization: `Bearer ${token}` }],
      ["/ws/anna/lobby", { "Sec-WebSocket-Protocol": `parley.v1, bearer.${token}` }],
    ];
    for (const [target, fields] of places) {
      await using raw = await open(server, target, fields);
      expect(await raw.waitForFrame("welcome")).toMatchObject({ user: "anna", conversation: "lobby" });
    }
    await using raw = await open(server, "/ws/anna/lobby");
    raw.sendJson({ type: "token", token });
    expect(await raw.waitForFrame("welcome")).toMatchObject({ user: "anna", conversation: "lobby" });
  });

  test("W3 each refusal is an error, a `closing` and the code that shows what to change", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock });
    const token = await server.token("anna");
    const expired = await server.token("anna", { lifetime: 60 });
    const other = await server.token("ben");
    await server.accounts.add(accountOf("cleo", { disabled: true }));
    const disabled = await server.token("cleo");
    clock.advance(60_000 + 30_000);
    const table: readonly (readonly [target: string, fields: Fields, code: ErrorCode, close: number])[] = [
      [`/ws/anna/lobby?token=${other}`, {}, "forbidden", 4403],
      [`/ws/cleo/lobby?token=${disabled}`, {}, "forbidden", 4403],
      [`/ws/anna/lobby?token=${expired}`, {}, "token_expired", 4401],
      ["/ws/anna/lobby?token=", {}, "unauthorized", 4401],
      ["/ws/anna/lobby?token=abc", {}, "unauthorized", 4401],
      [`/ws/anna/lobby?token=${token}x`, {}, "unauthorized", 4401],
      [`/ws/anna/lobby?token=${"a".repeat(4_097)}`, {}, "unauthorized", 4401],
      ["/ws/anna/lobby", { Authorization: "Basic YW5uYTpw" }, "unauthorized", 4401],
      [`/ws/anna/lobby?token=${token}&token=${token}`, {}, "bad_address", 4400],
      [`/ws/anna/lobby?token=${token}&token=${other}`, {}, "bad_address", 4400],
      [`/ws/anna/lobby?token=${token}`, { Authorization: `Bearer ${token}` }, "bad_address", 4400],
      ["/ws/anna/lobby", { Authorization: [`Bearer ${token}`, `Bearer ${token}`] }, "bad_address", 4400],
      [
        `/ws/anna/lobby?token=${token}`,
        { "Sec-WebSocket-Protocol": `parley.v1, bearer.${token}` },
        "bad_address",
        4400,
      ],
      [`/ws/an%20na/lobby?token=${token}`, {}, "bad_address", 4400],
      [`/ws/anna/${"a".repeat(129)}?token=${token}`, {}, "bad_address", 4400],
      [`/ws/anna/lobby?ticket=abc`, {}, "unauthorized", 4401],
      [`/ws/anna/lobby?ticket=abc&token=${token}`, {}, "bad_address", 4400],
    ];
    for (const [target, fields, code, close] of table) {
      await using raw = await open(server, target, fields);
      expect([target.slice(0, 30), ...(await refusalOf(raw))]).toEqual([
        target.slice(0, 30),
        code,
        close,
        close,
      ]);
    }
  });

  test("RT-6 the response has our subprotocol and never the token, in any order of offers", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    for (const offer of [`parley.v1, bearer.${token}`, `bearer.${token}, parley.v1`, "parley.v1"]) {
      await using raw = await open(server, "/ws/anna/lobby", { "Sec-WebSocket-Protocol": offer });
      expect(raw.response?.headers.get("sec-websocket-protocol")).toBe("parley.v1");
      expect(JSON.stringify([...raw.response!.headers])).not.toContain(token);
    }
    await using none = await open(server, "/ws/anna/lobby");
    expect(none.response?.headers.get("sec-websocket-protocol")).toBeNull();
    await using alone = await open(server, "/ws/anna/lobby", { "Sec-WebSocket-Protocol": `bearer.${token}` });
    expect(alone.response?.status).toBe(400);
    expect(`${JSON.stringify([...alone.response!.headers])}${alone.response?.body}`).not.toContain(token);
  });
});

describe("W4 sockets without a credential", () => {
  test("W4 they have five seconds", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock });
    await using raw = await open(server, "/ws/anna/lobby");
    clock.advance(4_900);
    expect(raw.frames).toEqual([]);
    clock.advance(200);
    expect(await refusalOf(raw)).toEqual(["unauthorized", 4401, 4401]);
  });

  test("W4 a first frame that is no token ends them, and so does a wrong token", async () => {
    await using server = await startTestServer();
    for (const frame of [{ type: "message", text: "x" }, { type: "ping" }, { type: "token", token: "abc" }]) {
      await using raw = await open(server, "/ws/anna/lobby");
      raw.sendJson(frame);
      expect(await refusalOf(raw)).toEqual(["unauthorized", 4401, 4401]);
    }
  });

  test("W4 one in a hundred is allowed; one that authenticates, or leaves, makes room", async () => {
    await using server = await startTestServer({ env: { MAX_CONNECTIONS: "100" } });
    const token = await server.token("anna");
    await using first = await open(server, "/ws/anna/lobby");
    await using second = await open(server, "/ws/anna/lobby");
    expect(second.response?.status).toBe(503);
    first.sendJson({ type: "token", token });
    await first.waitForFrame("welcome");
    const third = await open(server, "/ws/anna/lobby");
    expect(third.response?.status).toBe(101);
    third.sendJson({ type: "ping" });
    await third.closed;
    await using fourth = await open(server, "/ws/anna/lobby");
    expect(fourth.response?.status).toBe(101);
  });

  test("W4 frames after the token, before the welcome, get their replies after it and in order", async () => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    await using raw = await open(server, "/ws/anna/lobby");
    raw.sendJson({ type: "token", token });
    for (let i = 0; i < 40; i++) raw.sendJson({ type: "message", text: "early", id: `m${i}` });
    const acks = () => raw.frames.flatMap((frame) => (frame.type === "ack" ? [frame.id] : []));
    await raw.waitUntil(() => acks().length === 40, "40 acks");
    expect(raw.frames[0]?.type).toBe("welcome");
    expect(acks()).toEqual(Array.from({ length: 40 }, (_, i) => `m${i}`));
  });
});

describe("W5 SEC-T6 the plan", () => {
  test("W5 a user has as many connections as the plan allows, over all conversations", async () => {
    await using server = await startTestServer({ env: { PLANS: "free:100:2" } });
    const token = await server.token("anna");
    const first = await open(server, `/ws/anna/one?token=${token}`);
    await using second = await open(server, `/ws/anna/two?token=${token}`);
    await first.waitForFrame("welcome");
    await second.waitForFrame("welcome");
    await using third = await open(server, `/ws/anna/three?token=${token}`);
    expect(await refusalOf(third)).toEqual(["too_many_connections", 4409, 4409]);
    await using other = await open(server, `/ws/ben/one?token=${await server.token("ben")}`);
    await other.waitForFrame("welcome");
    first.socket.end();
    await first.closed;
    await using fourth = await open(server, `/ws/anna/three?token=${token}`);
    await fourth.waitForFrame("welcome");
    // A refused connection takes none of them.
    await using fifth = await open(server, `/ws/anna/three?token=${token}`);
    expect((await refusalOf(fifth))[2]).toBe(4409);
    await using sixth = await open(server, `/ws/anna/three?token=${token}`);
    expect((await refusalOf(sixth))[2]).toBe(4409);
  });

  test("SEC-T6 the account in the store determines the plan, and not the token", async () => {
    await using server = await startTestServer();
    await server.accounts.add(accountOf("anna", { plan: "basic" }));
    await using raw = await open(
      server,
      `/ws/anna/lobby?token=${await server.token("anna", { plan: "premium" })}`,
    );
    expect(await raw.waitForFrame("welcome")).toMatchObject({ plan: "basic", quota: { limit: 1_000 } });
    await using stranger = await open(
      server,
      `/ws/ben/lobby?token=${await server.token("ben", { plan: "premium" })}`,
    );
    expect(await stranger.waitForFrame("welcome")).toMatchObject({
      plan: "premium",
      quota: { limit: 10_000 },
    });
  });

  test("SEC-T6 Q2 a plan change during a connection applies to the next request", async () => {
    await using server = await startTestServer();
    await server.accounts.add(accountOf("anna"));
    await using raw = await open(server, `/ws/anna/lobby?token=${await server.token("anna")}`);
    await raw.waitForFrame("welcome");
    raw.sendJson({ type: "message", text: "x", id: "m1" });
    expect(await raw.waitForFrame("ack")).toMatchObject({ quota: { limit: 100, remaining: 99 } });
    await server.accounts.update("anna", { plan: "premium" });
    raw.sendJson({ type: "message", text: "x", id: "m2" });
    const second = () => raw.frames.find((frame) => frame.type === "ack" && frame.id === "m2");
    await raw.waitUntil(() => second() !== undefined, "ack");
    expect(second()).toMatchObject({ quota: { limit: 10_000, remaining: 9_998 } });
  });

  test("SEC-T6 an account disabled or removed during a connection loses its sockets, with the reason", async () => {
    await using server = await startTestServer();
    await server.accounts.add(accountOf("anna"));
    await server.accounts.add(accountOf("ben"));
    await using anna = await open(server, `/ws/anna/lobby?token=${await server.token("anna")}`);
    await using ben = await open(server, `/ws/ben/lobby?token=${await server.token("ben")}`);
    await anna.waitForFrame("welcome");
    await ben.waitForFrame("welcome");
    await server.accounts.update("anna", { disabled: true });
    expect(await anna.waitForClose()).toMatchObject({ code: 4403 });
    expect(await anna.waitForFrame("error")).toMatchObject({ code: "forbidden" });
    expect(await anna.waitForFrame("closing")).toMatchObject({ code: 4403, reconnect: false });
    expect(ben.closeFrame).toBeUndefined();
    await server.accounts.remove("ben");
    expect(await ben.waitForClose()).toMatchObject({ code: 4401 });
    expect(await ben.waitForFrame("error")).toMatchObject({ code: "token_revoked" });
  });
});

describe("A4 SEC-T7 secrecy", () => {
  test("A4 SEC-T7 no line of the log contains a token, in any spelling and with any outcome", async () => {
    await using server = await startTestServer({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
    // Repeats from one address are counted, and would hide their content.
    let clients = 0;
    const address = () => ({ "X-Forwarded-For": `203.0.113.${++clients}` });
    const token = await server.token("anna");
    const [head, body, signature] = token.split(".") as [string, string, string];
    const spellings = [
      `/ws/anna/lobby?token=${token}`,
      `/ws/anna/lobby?%74oken=${token}`,
      `/ws/anna/lobby?TOKEN=${token}`,
      `/ws/anna/lobby?x=1&token=${token}x`,
      `/ws/anna/lobby?token=${token}&token=${token}`,
      `/ws/anna/lobby?ticket=${token}`,
      `/ws/anna/lobby#token=${token}`,
      `/ws/anna/${token}`,
      `/ws/${token}/lobby`,
      `/ws/anna/lobby/${token}`,
      `/ws/${token}`,
      `/${token}`,
      `/me?token=${token}`,
      `/ws/anna/lobby?token=${head}.${body}.%00${signature}`,
    ];
    const attempt = async (target: string, fields: Fields = {}) => {
      const raw = await open(server, target, { ...fields, ...address() });
      await raw[Symbol.asyncDispose]();
    };
    for (const target of spellings) await attempt(target);
    for (const fields of [
      { Authorization: `Bearer ${token}` },
      { Authorization: `Token ${token}` },
      { "Sec-WebSocket-Protocol": `bearer.${token}` },
      { "Sec-WebSocket-Protocol": `parley.v1, bearer.${token}, bearer.${token}` },
      { Origin: "https://evil.example", Authorization: `Bearer ${token}` },
      { Cookie: `token=${token}` },
    ])
      await attempt("/ws/anna/lobby", fields);
    for (const frame of [
      { type: "token", token },
      { type: "token", token: `${token}x` },
      { type: "token", tokens: token },
      { type: "message", text: token },
    ]) {
      await using raw = await open(server, "/ws/anna/lobby", address());
      raw.sendJson(frame);
      await raw.waitUntil(() => raw.frames.length > 0, "answer");
      raw.sendJson({ type: token, id: token.slice(0, 64), token });
      await raw.waitUntil(() => raw.frames.length > 1, "answer");
    }
    await server.stop();
    const log = JSON.stringify(server.log.entries);
    expect(server.log.events()).toContain("connection.rejected");
    for (const secret of [token, body, signature]) expect(log).not.toContain(secret);
  });
});
