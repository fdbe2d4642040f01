// On a loopback address HTTP once checked neither `Host` nor `Origin`: any page whose name resolved to 127.0.0.1 could
// sign in with a demo account, read and write. And a proxy on the same machine let every client do so.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rawRequest, sendRaw } from "../../support/clients/raw-http.ts";
import { RawSocket } from "../../support/clients/raw-socket.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

let server: TestServer;
let own: string;
beforeAll(async () => {
  server = await startTestServer();
  own = `127.0.0.1:${server.port}`;
});
afterAll(() => server.stop());

type Fields = Readonly<Record<string, string | undefined>>;

const FORM = { username: "user2", password: "password", scope: "offline_access" };

async function ask(method: string, path: string, fields: Fields, form?: Record<string, string>) {
  const answer = await sendRaw(server.port, rawRequest(method, path, { Host: own, ...fields }, form));
  return { status: answer.status, body: JSON.parse(answer.body || "null") };
}

const signIn = (fields: Fields = {}) => ask("POST", "/token", fields, FORM);

async function token(): Promise<string> {
  return (await signIn()).body.access_token;
}

describe("W2 DNS rebinding", () => {
  test.each([
    ["with its Origin", (name: string) => ({ Host: name, Origin: `http://${name}` })],
    ["without an Origin", (name: string) => ({ Host: name })],
    [
      "with a proxy's fields, which it can forge",
      (name: string) => ({ Host: name, Origin: `http://${name}`, "X-Forwarded-Host": "localhost" }),
    ],
  ])("W2 a page whose name leads here reads and changes nothing, %s", async (_name, fieldsOf) => {
    const fields = fieldsOf(`evil.example:${server.port}`);
    const bearer = { ...fields, Authorization: `Bearer ${await token()}` };
    const answers = [
      await signIn(fields),
      await ask("GET", "/config.json", fields),
      await ask("GET", "/me", bearer),
      await ask("GET", "/conversations/lobby/messages", bearer),
      await ask("POST", "/conversations/lobby/messages", bearer, { text: "from evil.example" }),
      await ask("POST", "/ticket", bearer, { conversation: "lobby" }),
      await ask("POST", "/logout", bearer),
    ];
    for (const { status, body } of answers) expect([status, body.code]).toEqual([403, "origin_refused"]);
    await using raw = await RawSocket.handshake(server.port, "/ws/user2/lobby", fields);
    expect(raw.response?.status).toBe(403);
    expect((await ask("GET", "/me", { Authorization: bearer.Authorization })).status).toBe(200);
  });

  test.each(["https://evil.example", "null", "http://localhost:1"])(
    "W2 a form of another page (%s), for which browsers send no preflight, is refused",
    async (origin) => {
      const { status, body } = await signIn({ Origin: origin });
      expect([status, body.code]).toEqual([403, "origin_refused"]);
      expect(server.log.entries).toContainEqual(
        expect.objectContaining({ fields: expect.objectContaining({ code: "origin_refused" }) }),
      );
    },
  );

  test("W2 the server's own page, and a page behind a forwarded port, sign in", async () => {
    for (const host of [own, `localhost:${server.port}`, "localhost:9000", "[::1]:9000"])
      expect((await signIn({ Host: host, Origin: `http://${host}` })).status).toBe(200);
  });

  test("W2 the page and the health are available under any name", async () => {
    for (const path of ["/", "/console/main.js", "/healthz", "/readyz"]) {
      const request = rawRequest("GET", path, { Host: "node_1.internal:81", Origin: "https://evil.example" });
      expect((await sendRaw(server.port, request)).status).toBe(200);
    }
  });

  test("W1 two hosts, or an invalid one, give 400", async () => {
    for (const host of [`${own}, evil.example`, "a b", "user@host", "x/healthz?"]) {
      const { status, body } = await ask("GET", "/me", { Host: host });
      expect([host, status, body.code]).toEqual([host, 400, "bad_request"]);
    }
  });
});

describe("health checks as load balancers send them", () => {
  test.each([
    ["HTTP/1.0 without Host", "GET /readyz HTTP/1.0\r\n\r\n", 200],
    ["HTTP/1.0 without Host, at /healthz", "GET /healthz HTTP/1.0\r\n\r\n", 200],
    ["HTTP/1.0 with a query", "GET /readyz?x=1 HTTP/1.0\r\n\r\n", 200],
    ["an empty Host", "GET /readyz HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n", 200],
    ["HEAD with HTTP/1.0", "HEAD /readyz HTTP/1.0\r\n\r\n", 200],
    ["HEAD of the page", "HEAD / HTTP/1.0\r\n\r\n", 200],
    ["OPTIONS /, HAProxy's own", "OPTIONS / HTTP/1.0\r\n\r\n", 204],
    ["OPTIONS of a socket's address", "OPTIONS /ws/a/b HTTP/1.0\r\n\r\n", 204],
    [
      "a whole URL",
      "GET http://node:8000/readyz HTTP/1.1\r\nHost: node:8000\r\nConnection: close\r\n\r\n",
      200,
    ],
    ["a path that is not there", "GET /nowhere HTTP/1.0\r\n\r\n", 404],
    [
      "a socket without Host",
      "GET /ws/a/b HTTP/1.0\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
      400,
    ],
    ["no path at all", "CONNECT node:8000 HTTP/1.1\r\nHost: node:8000\r\nConnection: close\r\n\r\n", 400],
  ])("W1 %s", async (_name, request, status) => {
    expect((await sendRaw(server.port, request)).status).toBe(status);
  });

  test("W1 a body is accepted, too, without a Host", async () => {
    const body = String(new URLSearchParams(FORM));
    const type = "Content-Type: application/x-www-form-urlencoded";
    const request = `POST /token HTTP/1.0\r\n${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    expect((await sendRaw(server.port, request)).status).toBe(200);
  });
});

describe("SEC-S3 demo accounts are for this machine", () => {
  const PROXIED = [
    { "X-Forwarded-For": "203.0.113.5" },
    { Forwarded: "for=203.0.113.5" },
    { Via: "1.1 edge" },
    { "CF-Connecting-IP": "203.0.113.5" },
    // A proxy that adds no field, but leaves the name under which it was asked.
    { Host: "chat.example.com", "X-Forwarded-Proto": "https", Origin: "https://chat.example.com" },
  ];

  test.each(PROXIED)(
    "SEC-S3 %j: no sign-in, no token renewed or used, no account listed, no socket",
    async (fields) => {
      const mine = await signIn();
      expect(mine.status).toBe(200);
      const { access_token, refresh_token } = mine.body;
      expect((await signIn(fields)).status).toBe(403);
      const refresh = { grant_type: "refresh_token", refresh_token };
      expect((await ask("POST", "/token", fields, refresh)).status).toBe(403);
      const me = await ask("GET", "/me", { ...fields, Authorization: `Bearer ${access_token}` });
      expect([me.status, me.body.code]).toEqual([403, "forbidden"]);
      expect((await ask("GET", "/config.json", fields)).body.demo).toEqual([]);
      await using raw = await RawSocket.handshake(
        server.port,
        `/ws/user2/lobby?token=${access_token}`,
        fields,
      );
      expect(await raw.waitForFrame("error")).toMatchObject({ code: "forbidden" });
      expect((await raw.waitForClose()).code).toBe(4403);
    },
  );

  test("SEC-S3 an account that becomes a demo account, or gets its token, is removed from a proxied socket", async () => {
    await server.accounts.update("user3", { demo: false });
    const target = `/ws/user3/lobby?token=${await server.token("user3")}`;
    await using far = await RawSocket.handshake(server.port, target, { Via: "1.1 edge" });
    await far.waitForFrame("welcome");
    await using near = await TestClient.connect(`${server.wsUrl}${target}`);
    await server.accounts.update("user3", { demo: true });
    expect((await far.waitForClose()).code).toBe(4403);
    near.send({ type: "ping", id: "still" });
    expect(await near.next("pong")).toMatchObject({ id: "still" });
  });

  test("SEC-S3 with DEMO_ACCOUNTS=true every client may use them", async () => {
    await using open = await startTestServer({ env: { DEMO_ACCOUNTS: "true" } });
    const fields = { Host: `127.0.0.1:${open.port}`, "X-Forwarded-For": "203.0.113.5" };
    const config = await sendRaw(open.port, rawRequest("GET", "/config.json", fields));
    expect(JSON.parse(config.body).demo).toHaveLength(3);
    expect((await sendRaw(open.port, rawRequest("POST", "/token", fields, FORM))).status).toBe(200);
  });

  test("SEC-S3 users of an application, and accounts with their own password, may come through a proxy", async () => {
    const fields = {
      Host: "chat.example.com",
      "X-Forwarded-Proto": "wss",
      Origin: "https://chat.example.com",
    };
    const target = `/ws/ann/lobby?token=${await server.token("ann")}`;
    await using raw = await RawSocket.handshake(server.port, target, fields);
    expect(await raw.waitForFrame("welcome")).toMatchObject({ user: "ann" });
  });
});

describe("W2 behind a trusted proxy", () => {
  test.each(["https", "HTTPS", "wss", "https, http", "Https,http"])(
    "W2 its own page is one with TLS where X-Forwarded-Proto is %j, for a browser on the proxy's machine, too",
    async (proto) => {
      await using behind = await startTestServer({
        env: { HOST: "0.0.0.0", TRUSTED_PROXIES: "127.0.0.0/8" },
      });
      const target = `/ws/ann/lobby?token=${await behind.token("ann")}`;
      const open = async (origin: string) => {
        const fields = {
          Host: "chat.example.com",
          "X-Forwarded-For": "127.0.0.1",
          "X-Forwarded-Proto": proto,
          Origin: origin,
        };
        await using raw = await RawSocket.handshake(behind.port, target, fields);
        return raw.response?.status;
      };
      expect(await open("https://chat.example.com")).toBe(101);
      expect(await open("http://chat.example.com")).toBe(403);
    },
  );
});

test("SEC-S3 TEST_FAULTS=true is for this machine, too, and `public` for every client", async () => {
  for (const [setting, status, listed] of [
    ["true", 403, false],
    ["public", 400, true],
  ] as const) {
    await using tested = await startTestServer({ env: { TEST_FAULTS: setting } });
    const bearer = { Authorization: `Bearer ${await tested.token("ann")}`, Host: `127.0.0.1:${tested.port}` };
    const ask = async (method: string, path: string, more: Fields) =>
      sendRaw(
        tested.port,
        rawRequest(method, path, { ...bearer, ...more }, method === "POST" ? {} : undefined),
      );
    const far = { "X-Forwarded-For": "203.0.113.5" };
    expect((await ask("POST", "/test/faults", far)).status).toBe(status);
    expect((await ask("POST", "/test/faults", {})).status).toBe(400);
    expect(JSON.parse((await ask("GET", "/config.json", far)).body).faults).toBe(listed);
  }
});
