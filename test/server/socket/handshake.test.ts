import { describe, expect, test } from "bun:test";
import { type Fields, RawSocket } from "../../support/clients/raw-socket.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** The fields of a proxy in front of the test server for a client on another machine. */
function from(address: string): Fields {
  return { "X-Forwarded-For": address };
}

const BEHIND_PROXY = { TRUSTED_PROXIES: "127.0.0.1" };

describe("W1 refusals before the upgrade", () => {
  test("W1 each is a problem document with its status, its code and its fields", async () => {
    await using server = await startTestServer();
    const target = `/ws/anna/lobby?token=${await server.token("anna")}`;
    const refusals: readonly (readonly [
      status: number,
      code: string,
      target: string,
      fields: Fields,
      method?: string,
    ])[] = [
      [400, "bad_request", target, { Connection: undefined }],
      [400, "bad_request", target, { Connection: "keep-alive" }],
      [400, "bad_request", target, { Host: [`127.0.0.1:${server.port}`, "evil.example"] }],
      [400, "bad_request", target, { "Sec-WebSocket-Key": undefined }],
      [400, "bad_request", target, { "Sec-WebSocket-Protocol": "chat" }],
      [400, "bad_request", target, { "Content-Length": "5" }],
      [403, "origin_refused", target, { Origin: "https://evil.example" }],
      [404, "not_found", "/ws/", {}],
      [404, "not_found", "/ws/anna/lobby/more", {}],
      [405, "method_not_allowed", target, {}, "POST"],
      [414, "address_too_long", `/ws/anna/lobby?token=${"a".repeat(8_192)}`, {}],
      [426, "upgrade_required", target, { Upgrade: undefined }],
      [426, "upgrade_required", target, { "Sec-WebSocket-Version": "8" }],
    ];
    for (const [status, code, address, fields, method = "GET"] of refusals) {
      await using raw = await RawSocket.handshake(
        server.port,
        address,
        fields,
        `${method} ${address} HTTP/1.1`,
      );
      const { headers, body, ...answer } = raw.response!;
      expect({ code, status: answer.status }).toEqual({ code, status });
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(JSON.parse(body)).toMatchObject({ type: `urn:parley:error:${code}`, status, code });
      expect(Object.keys(JSON.parse(body)).sort()).toEqual(["code", "detail", "status", "title", "type"]);
      if (status === 405) expect(headers.get("allow")).toBe("GET, OPTIONS");
      if (status === 426) expect(headers.get("sec-websocket-version")).toBe("13");
    }
  });

  test("W1 fields longer than the runtime accepts are refused with 431", async () => {
    await using server = await startTestServer();
    await using raw = await RawSocket.handshake(server.port, "/ws/anna/lobby", {
      "X-Long": "a".repeat(20_000),
    });
    expect(raw.response?.status).toBe(431);
  });

  test("RT-7 HTTP/1.0 is refused if it has no Host; the runtime does not expose the version", async () => {
    await using server = await startTestServer();
    await using raw = await RawSocket.handshake(server.port, "", { Host: undefined }, "GET /ws/a/b HTTP/1.0");
    expect(raw.response?.status).toBe(400);
  });

  test("RT-7 a client that disconnects before its response causes no harm", async () => {
    await using server = await startTestServer();
    const target = `/ws/anna/lobby?token=${await server.token("anna")}`;
    for (let i = 0; i < 20; i++) {
      const raw = await RawSocket.dial(server.port);
      raw.socket.write(
        `GET ${target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
      raw.socket.destroy();
    }
    await using after = await RawSocket.handshake(server.port, target);
    await after.waitForFrame("welcome");
  });

  test("W1 a full server responds with 503 and Retry-After", async () => {
    await using server = await startTestServer({ env: { MAX_CONNECTIONS: "1" } });
    const target = `/ws/anna/lobby?token=${await server.token("anna")}`;
    const first = await RawSocket.handshake(server.port, target);
    await using second = await RawSocket.handshake(server.port, target);
    expect(second.response?.status).toBe(503);
    expect(second.response?.headers.get("retry-after")).toBe("5");
    expect(JSON.parse(second.response!.body)).toMatchObject({ code: "unavailable" });
    await first.waitForFrame("welcome");
  });

  test("L1 a draining server responds with 503 and Retry-After", async () => {
    const server = await startTestServer();
    const target = `/ws/anna/lobby?token=${await server.token("anna")}`;
    await using staying = await RawSocket.handshake(server.port, target);
    await staying.waitForFrame("welcome");
    await using late = await RawSocket.dial(server.port);
    const stopped = server.stop();
    late.socket.write(
      `GET ${target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await late.waitUntil(() => late.response !== undefined, "answer");
    expect(late.response?.status).toBe(503);
    expect(Number(late.response?.headers.get("retry-after"))).toBeGreaterThan(0);
    await stopped;
  });
});

describe("W2 A5 origins", () => {
  test("W2 on loopback the own page and non-browser clients pass; rebound names and `null` do not", async () => {
    await using server = await startTestServer();
    const { port } = server;
    const target = `/ws/anna/lobby?token=${await server.token("anna")}`;
    const table: readonly (readonly [status: number, fields: Fields])[] = [
      [101, {}],
      [101, { Origin: `http://127.0.0.1:${port}` }],
      [101, { Origin: `http://localhost:${port}`, Host: `localhost:${port}` }],
      [403, { Origin: `http://rebound.evil.example:${port}`, Host: `rebound.evil.example:${port}` }],
      [403, { Origin: "http://127.0.0.1:1" }],
      [403, { Origin: "null" }],
      [403, { Origin: [`http://127.0.0.1:${port}`, "https://evil.example"] }],
    ];
    for (const [status, fields] of table) {
      await using raw = await RawSocket.handshake(port, target, fields);
      expect({ fields, status: raw.response?.status }).toEqual({ fields, status });
    }
  });

  test("W2 ALLOWED_ORIGINS admits a page", async () => {
    await using server = await startTestServer({ env: { ALLOWED_ORIGINS: "https://app.example.com" } });
    const target = `/ws/anna/lobby?token=${await server.token("anna")}`;
    await using listed = await RawSocket.handshake(server.port, target, {
      Origin: "https://app.example.com",
    });
    await using other = await RawSocket.handshake(server.port, target, {
      Origin: "https://app.example.com:1",
    });
    expect([listed.response?.status, other.response?.status]).toEqual([101, 403]);
  });
});

describe("W5 limits by address", () => {
  test("W5 an address has a limit of handshakes a minute; then 429 gives the wait, and others are not affected", async () => {
    await using server = await startTestServer({ env: { ...BEHIND_PROXY, HANDSHAKES_PER_MINUTE: "2" } });
    const target = `/ws/anna/lobby?token=${await server.token("anna", { plan: "premium" })}`;
    const statuses: (number | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      await using raw = await RawSocket.handshake(server.port, target, from("203.0.113.7"));
      statuses.push(raw.response?.status);
      if (i === 2) {
        expect(JSON.parse(raw.response!.body)).toMatchObject({ code: "too_many_handshakes", status: 429 });
        expect(Number(raw.response?.headers.get("retry-after"))).toBeGreaterThan(25);
      }
    }
    expect(statuses).toEqual([101, 101, 429]);
    await using other = await RawSocket.handshake(server.port, target, from("203.0.113.8"));
    expect(other.response?.status).toBe(101);
  });

  test("W5 an address has a limit of simultaneous connections, and a closed one makes room", async () => {
    await using server = await startTestServer({
      env: { ...BEHIND_PROXY, MAX_CONNECTIONS_PER_ADDRESS: "1" },
    });
    const target = `/ws/anna/lobby?token=${await server.token("anna")}`;
    // All of a /64 is one client's.
    const first = await RawSocket.handshake(server.port, target, from("2001:db8::1"));
    await first.waitForFrame("welcome");
    await using second = await RawSocket.handshake(server.port, target, from("2001:db8::2"));
    expect(second.response?.status).toBe(429);
    expect(second.response?.headers.get("retry-after")).toBe("5");
    first.socket.end();
    await first.closed;
    await using third = await RawSocket.handshake(server.port, target, from("2001:db8::3"));
    expect(third.response?.status).toBe(101);
  });

  test("W5 X-Forwarded-For is read from the right, and ignored from untrusted peers", async () => {
    const env = { HANDSHAKES_PER_MINUTE: "1" };
    const statuses = async (proxies: Record<string, string>, ...chains: string[]) => {
      await using server = await startTestServer({ env: { ...env, ...proxies } });
      const target = `/ws/anna/lobby?token=${await server.token("anna", { plan: "premium" })}`;
      const answers: (number | undefined)[] = [];
      for (const chain of chains) {
        await using raw = await RawSocket.handshake(server.port, target, from(chain));
        answers.push(raw.response?.status);
      }
      return answers;
    };
    // Entries left of the proxy's own can be forged by the client, loopback addresses included.
    expect(await statuses(BEHIND_PROXY, "1.1.1.1, 203.0.113.7", "127.0.0.1, 203.0.113.7")).toEqual([
      101, 429,
    ]);
    expect(await statuses({}, "203.0.113.7", "203.0.113.7")).toEqual([101, 101]);
  });
});

describe("W5 an office behind one address", () => {
  const OFFICE = from("203.0.113.7");

  test("W5 400 tabs of 200 users that reconnect at once are all admitted at the first try, with the defaults", async () => {
    await using server = await startTestServer({ env: BEHIND_PROXY });
    const tabs = await Promise.all(
      Array.from({ length: 400 }, async (_, i) => {
        const token = await server.token(`user-${i % 200}`);
        const target = `/ws/user-${i % 200}/room-${i % 7}?token=${token}&client=tab-${i}`;
        return RawSocket.handshake(server.port, target, OFFICE);
      }),
    );
    for (const tab of tabs) {
      expect(tab.response?.status).toBe(101);
      await tab.waitForFrame("welcome");
    }
    for (const tab of tabs) tab.socket.destroy();
  });

  test("W5 a machine there without a valid credential has sixty tries, and then one a second", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ env: BEHIND_PROXY, clock });
    const statuses: (number | undefined)[] = [];
    for (let i = 0; i < 65; i++) {
      await using raw = await RawSocket.handshake(server.port, "/ws/anna/lobby?token=abc", OFFICE);
      statuses.push(raw.response?.status);
      if (raw.response?.status === 101) await raw.waitForClose();
    }
    expect(statuses.map((status) => status === 101)).toEqual(statuses.map((_, i) => i < 60));
    clock.advance(1_000);
    const target = `/ws/anna/lobby?token=${await server.token("anna")}`;
    await using raw = await RawSocket.handshake(server.port, target, OFFICE);
    await raw.waitForFrame("welcome");
  });
});

describe("SEC-P1 W1 the fields of responses", () => {
  test("SEC-P1 M5 a refusal is never cached, framed or sniffed, and names no version, folder or file", async () => {
    await using server = await startTestServer();
    for (const path of ["/ws/anna", "/nothing", "/ws/a/b"]) {
      const answer = await fetch(`${server.url}${path}`);
      const text = `${JSON.stringify([...answer.headers])}${await answer.text()}`;
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("referrer-policy")).toBe("no-referrer");
      expect(answer.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect(answer.headers.get("cache-control")).toContain("no-store");
      expect(text).not.toMatch(/bun|\/work|\/src|node_modules|\.ts\b|\d+\.\d+\.\d+ /i);
    }
  });
});
