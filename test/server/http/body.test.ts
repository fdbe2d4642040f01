import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { hashOfApiKey, newApiKey } from "../../../src/server/authentication/api-keys.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";

/** Every way in that has a body, with the types it may come as. */
const ROUTES: readonly (readonly [path: string, types: readonly string[]])[] = [
  ["/token", [JSON_TYPE, FORM_TYPE, "multipart/form-data; boundary=x"]],
  ["/ticket", [JSON_TYPE, FORM_TYPE, "multipart/form-data; boundary=x"]],
  ["/logout", [JSON_TYPE, FORM_TYPE, "multipart/form-data; boundary=x"]],
  ["/conversations/lobby/messages", [JSON_TYPE, "text/plain", "application/json; charset=iso-8859-1"]],
  ["/test/faults", [JSON_TYPE]],
];

const WAYS = ROUTES.flatMap(([path, types]) => types.map((type) => [path, type] as const));

/** One field with `value` in a body of that type. */
function bodyWith(type: string, value: Uint8Array): Buffer<ArrayBuffer> {
  if (type.startsWith("multipart"))
    return Buffer.concat([
      Buffer.from('--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n'),
      value,
      Buffer.from("\r\n--x--\r\n"),
    ]);
  if (type === FORM_TYPE) return Buffer.concat([Buffer.from("text="), value]);
  return Buffer.concat([Buffer.from('{"id":"m1","text":"'), value, Buffer.from('"}')]);
}

async function post(server: TestServer, path: string, type: string, body: Buffer<ArrayBuffer> | string) {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${await server.token("ann")}`, "Content-Type": type },
    body,
  });
  const text = await response.text();
  return { status: response.status, code: text === "" ? undefined : JSON.parse(text).code };
}

const malformed = { status: 400, code: "malformed" };

describe("D6 bytes that are no UTF-8", () => {
  // Latin-1 from an old script was stored with U+FFFD in place of its characters, and acknowledged.
  test.each(WAYS)("D6 POST %s as %s is refused, and nothing is stored", async (path, type) => {
    await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
    const wrong = [
      [0x63, 0xe9],
      [0xe6, 0xbc],
      [0xed, 0xa0, 0xbd],
      [0xff, 0xfe, 0x61, 0x00],
    ];
    for (const bytes of wrong)
      expect(await post(server, path, type, bodyWith(type, Uint8Array.from(bytes)))).toEqual(malformed);
    const headers = { Authorization: `Bearer ${await server.token("ann")}` };
    const page = await (await fetch(`${server.url}/conversations/lobby/messages`, { headers })).json();
    expect(page.messages).toEqual([]);
  });

  test.each(["/token", "/ticket", "/logout"])("D6 POST %s with invalid escapes in a form", async (path) => {
    await using server = await startTestServer();
    for (const value of ["caf%E9", "%c3", "%C3%28", "%ed%a0%bd", "a%E6%BCb"])
      expect(await post(server, path, FORM_TYPE, `username=${value}`)).toEqual(malformed);
    for (const value of ["caf%C3%A9", "100%", "%zz", "%F0%9F%98%80+%"])
      expect(await post(server, path, FORM_TYPE, `username=${value}`)).not.toEqual(malformed);
  });

  test("D6 a byte order mark before the JSON is ignored (RFC 8259 §8.1)", async () => {
    await using server = await startTestServer();
    const answer = await post(server, "/conversations/lobby/messages", JSON_TYPE, '\ufeff{"text":"a"}');
    expect(answer.status).toBe(201);
  });

  test("B3 a body of some megabytes is refused in words, with and without its length, and the connection ends", async () => {
    await using server = await startTestServer();
    const bytes = "x".repeat(3 * 1024 * 1024);
    const key = { Authorization: "Bearer none", "Content-Type": JSON_TYPE };
    for (const path of ["/token", "/messages", "/conversations/lobby/messages", "/webhooks"])
      for (const body of [bytes, chunked(bytes)]) {
        const isStream = typeof body !== "string";
        const response = await fetch(`${server.url}${path}`, { method: "POST", headers: key, body });
        // A key that is not known is refused before a body without a length is read.
        const refusal = isStream && path !== "/token" ? [401, "unauthorized"] : [413, "too_large"];
        expect([path, response.status, (await response.json()).code]).toEqual([path, ...refusal]);
        if (refusal[0] === 413) expect(response.headers.get("Connection")).toBe("close");
      }
  });

  test("SEC-S4 the refusal at /token has the form of OAuth 2, too", async () => {
    await using server = await startTestServer();
    const response = await fetch(`${server.url}/token`, {
      method: "POST",
      headers: { "Content-Type": FORM_TYPE },
      body: "username=caf%E9&password=x",
    });
    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({
        code: "malformed",
        error: "invalid_request",
        detail: "The body is not valid UTF-8.",
      }),
    ]);
  });
});

/** A body that is sent without its length. */
function chunked(text: string): ReadableStream {
  return new ReadableStream({
    async pull(controller) {
      controller.enqueue(text);
      controller.close();
    },
  });
}

describe("M1 JSON with too much structure", () => {
  // Serializing the result took seconds of the event loop, without a charge and as often as a client wanted.
  test.each(WAYS.filter(([, type]) => type.startsWith(JSON_TYPE)))("M1 POST %s as %s", async (path, type) => {
    await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
    for (const depth of [40, 7_000])
      for (const field of ["text", "username", "data", "unknown"]) {
        const body = `{"${field}":${"[".repeat(depth)}${"]".repeat(depth)}${" ".repeat(600)}}`;
        expect(await post(server, path, type, body)).toEqual({ status: 413, code: "too_large" });
      }
  });
});

describe("D6 numbers in `data` over HTTP", () => {
  test("D6 an integer that would lose digits is refused, from any client; an exact one arrives unchanged", async () => {
    const key = newApiKey();
    await using server = await startTestServer({ env: { API_KEYS: `app:${hashOfApiKey(key)}:read+write` } });
    const path = "/conversations/lobby/messages";
    for (const number of ["1285704473650888702", "9007199254740993.0", "1e400"])
      expect(await post(server, path, JSON_TYPE, `{"text":"x","data":{"n":[${number}]}}`)).toEqual({
        status: 422,
        code: "invalid",
      });
    expect((await post(server, path, JSON_TYPE, '{"text":"x","data":{"n":1e20}}')).status).toBe(201);
    const headers = { Authorization: `Bearer ${await server.token("ann")}` };
    const page = await (await fetch(`${server.url}${path}`, { headers })).json();
    expect(page.messages).toEqual([expect.objectContaining({ data: { n: 1e20 } })]);
  });
});

// The operator's page reported each of them as "a fault of Parley's own".
test.each(["Content-Length: 100", "Transfer-Encoding: chunked"])(
  "M5 a client that disconnects within its body (%s) causes no server error",
  async (framing) => {
    for (const [path] of ROUTES.slice(0, 4)) {
      await using server = await startTestServer({ env: { LOG_LEVEL: "debug" } });
      const token = await server.token("ann");
      const socket = connect(server.port, "127.0.0.1");
      const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json`;
      socket.write(`${head}\r\n${framing}\r\n\r\n${framing.startsWith("T") ? "5\r\n" : ""}{"a":`);
      // The route has to begin with the body before the connection ends.
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.resetAndDestroy();
      await waitUntil("the log has it", () =>
        server.log.entries.some(({ event }) => event === "request.aborted"),
      );
      expect(server.log.entries.filter(({ level }) => level === "error")).toEqual([]);
    }
  },
);
