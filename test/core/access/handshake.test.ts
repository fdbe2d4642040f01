import { describe, expect, test } from "bun:test";
import {
  type HandshakeRequest,
  type HandshakeResult,
  type ParsedHandshake,
  parseHandshake,
} from "../../../src/core/access/handshake.ts";
import { ERRORS } from "../../../src/protocol/errors.ts";

const HOST = "chat.example.com";
const ORIGINS = { allowed: ["https://app.example.com"], loopbackPort: undefined };
const GOOD = {
  Host: HOST,
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

type Fields = Readonly<Record<string, string | undefined>>;

/** A valid handshake with the given fields; a field of `undefined` is left out. */
function read(
  target = "/ws/anna/lobby",
  fields: Fields = {},
  others: Partial<Pick<HandshakeRequest, "method" | "scheme">> = {},
): HandshakeResult {
  const headers = new Headers();
  for (const [name, value] of Object.entries({ ...GOOD, ...fields }))
    if (value !== undefined) headers.append(name, value);
  return parseHandshake({ method: "GET", target, headers, scheme: "https", ...others }, ORIGINS);
}

/** `101`, or the refusal's status and code. */
function verdict(...request: Parameters<typeof read>): string {
  const answer = read(...request);
  return "refusal" in answer ? `${ERRORS[answer.refusal.code].http} ${answer.refusal.code}` : "101";
}

function opening(...request: Parameters<typeof read>): ParsedHandshake {
  const answer = read(...request);
  if ("refusal" in answer) throw new Error(answer.refusal.detail);
  return answer.opening;
}

describe("W1 handshakes refused before the upgrade, as HTTP", () => {
  const ADDRESSES: Record<string, string> = {
    "/ws/anna/lobby": "101",
    "/ws/anna/lobby?token=abc&after=3": "101",
    "/ws/": "404 not_found",
    "/ws/anna/": "404 not_found",
    "/ws//lobby": "404 not_found",
    "/ws/anna/lobby/": "404 not_found",
    "/ws/anna/lobby/more": "404 not_found",
    [`/ws/anna/lobby?token=${"a".repeat(8_192 - 21)}`]: "101",
    [`/ws/anna/lobby?token=${"a".repeat(8_192 - 20)}`]: "414 address_too_long",
  };
  for (const [target, answer] of Object.entries(ADDRESSES))
    test(`W1 ${target.slice(0, 40)} (${target.length}) → ${answer}`, () =>
      expect(verdict(target)).toBe(answer));

  test("W1 only GET opens a socket, and the refusal explains that", () => {
    for (const method of ["POST", "HEAD", "PUT", "OPTIONS"]) {
      const answer = read("/ws/anna/lobby", {}, { method });
      expect(answer).toMatchObject({
        refusal: { code: "method_not_allowed", headers: { Allow: "GET, OPTIONS" } },
      });
    }
  });

  const FIELDS: readonly (readonly [name: string, fields: Fields, answer: string])[] = [
    ["no Upgrade", { Upgrade: undefined }, "426 upgrade_required"],
    ["another Upgrade", { Upgrade: "h2c" }, "426 upgrade_required"],
    ["version 8", { "Sec-WebSocket-Version": "8" }, "426 upgrade_required"],
    ["two versions", { "Sec-WebSocket-Version": "13, 8" }, "426 upgrade_required"],
    ["no version", { "Sec-WebSocket-Version": undefined }, "400 bad_request"],
    ["no key", { "Sec-WebSocket-Key": undefined }, "400 bad_request"],
    ["a short key", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZQ==" }, "400 bad_request"],
    ["two keys", { "Sec-WebSocket-Key": `${GOOD["Sec-WebSocket-Key"]}, x` }, "400 bad_request"],
    ["RT-7 no Connection", { Connection: undefined }, "400 bad_request"],
    ["RT-7 Connection without Upgrade", { Connection: "keep-alive" }, "400 bad_request"],
    ["Connection as Firefox sends it", { Connection: "keep-alive, Upgrade" }, "101"],
    ["Upgrade in capitals", { Upgrade: "WebSocket", Connection: "upgrade" }, "101"],
    ["RT-7 two Hosts", { Host: `${HOST}, evil.example` }, "400 bad_request"],
    ["RT-7 no Host", { Host: undefined }, "400 bad_request"],
    ["a Host with a path", { Host: `${HOST}/ws` }, "400 bad_request"],
    ["a Host with a name before it", { Host: `${HOST}@evil.example` }, "400 bad_request"],
    ["a body", { "Content-Length": "5" }, "400 bad_request"],
    ["two lengths of a body", { "Content-Length": "0, 5" }, "400 bad_request"],
    ["a body in chunks", { "Transfer-Encoding": "chunked" }, "400 bad_request"],
    ["an empty body", { "Content-Length": "0" }, "101"],
    ["a foreign subprotocol", { "Sec-WebSocket-Protocol": "chat" }, "400 bad_request"],
    ["a token without our subprotocol", { "Sec-WebSocket-Protocol": "bearer.abc" }, "400 bad_request"],
  ];
  for (const [name, fields, answer] of FIELDS)
    test(`W1 ${name} → ${answer}`, () => expect(verdict("/ws/anna/lobby", fields)).toBe(answer));

  test("W1 426 names the supported version", () => {
    expect(read("/ws/anna/lobby", { Upgrade: undefined })).toMatchObject({
      refusal: { headers: { "Sec-WebSocket-Version": "13", Upgrade: "websocket" } },
    });
  });

  test("W1 SEC-T7 no refusal repeats the address", () => {
    for (const fields of FIELDS) {
      const answer = read("/ws/anna/lobby?token=very-secret", fields[1]);
      expect(JSON.stringify("refusal" in answer ? answer : "")).not.toContain("very-secret");
    }
  });
});

describe("W2 A5 origins", () => {
  const ORIGIN_TABLE: readonly (readonly [origin: string | undefined, answer: string])[] = [
    [undefined, "101"],
    [`https://${HOST}`, "101"],
    ["https://app.example.com", "101"],
    ["https://APP.example.com", "101"],
    ["http://app.example.com", "403 origin_refused"],
    ["https://app.example.com:8443", "403 origin_refused"],
    ["https://app.example.com.evil.example", "403 origin_refused"],
    ["https://evil.example", "403 origin_refused"],
    ["null", "403 origin_refused"],
    ["", "403 origin_refused"],
    [`https://${HOST}, https://evil.example`, "403 origin_refused"],
  ];
  for (const [origin, answer] of ORIGIN_TABLE)
    test(`W2 Origin ${JSON.stringify(origin)} → ${answer}`, () =>
      expect(verdict("/ws/anna/lobby", { Origin: origin })).toBe(answer));
});

describe("W3 credentials", () => {
  const PROTOCOL = "Sec-WebSocket-Protocol";
  const OFFERS: readonly (readonly [
    name: string,
    target: string,
    fields: Fields,
    token: string | undefined,
  ])[] = [
    ["none", "/ws/anna/lobby", {}, undefined],
    ["parameter", "/ws/anna/lobby?token=abc", {}, "abc"],
    ["parameter in another spelling", "/ws/anna/lobby?%74oken=a%62c", {}, "abc"],
    ["empty parameter", "/ws/anna/lobby?token=", {}, ""],
    ["field", "/ws/anna/lobby", { Authorization: "Bearer abc" }, "abc"],
    ["field in small letters", "/ws/anna/lobby", { Authorization: "bearer  abc" }, "abc"],
    ["field of another scheme", "/ws/anna/lobby", { Authorization: "Basic YTpi" }, ""],
    ["subprotocol", "/ws/anna/lobby", { [PROTOCOL]: "parley.v1, bearer.abc" }, "abc"],
    ["subprotocol, the other way round", "/ws/anna/lobby", { [PROTOCOL]: "bearer.abc,parley.v1" }, "abc"],
  ];
  for (const [name, target, fields, token] of OFFERS)
    test(`W3 ${name} → ${JSON.stringify(token)}`, () => {
      expect(opening(target, fields)).toMatchObject({ address: { user: "anna", conversation: "lobby" } });
      expect(opening(target, fields).token).toBe(token as string);
    });

  const TOO_MANY: readonly (readonly [name: string, target: string, fields: Fields])[] = [
    ["two parameters", "/ws/anna/lobby?token=abc&token=def", {}],
    ["token and ticket", "/ws/anna/lobby?token=abc&ticket=abc", {}],
    ["two tickets", "/ws/anna/lobby?ticket=abc&ticket=def", {}],
    ["ticket and field", "/ws/anna/lobby?ticket=abc", { Authorization: "Bearer abc" }],
    ["one parameter twice", "/ws/anna/lobby?token=abc&token=abc", {}],
    ["parameter and field", "/ws/anna/lobby?token=abc", { Authorization: "Bearer abc" }],
    ["parameter and another scheme", "/ws/anna/lobby?token=abc", { Authorization: "Basic YTpi" }],
    ["two fields", "/ws/anna/lobby", { Authorization: "Bearer abc, Bearer def" }],
    ["parameter and subprotocol", "/ws/anna/lobby?token=abc", { [PROTOCOL]: "parley.v1, bearer.abc" }],
    ["two subprotocols", "/ws/anna/lobby", { [PROTOCOL]: "parley.v1, bearer.abc, bearer.abc" }],
  ];
  for (const [name, target, fields] of TOO_MANY)
    test(`W3 ${name} → refused after the upgrade`, () =>
      expect(opening(target, fields).address).toEqual({
        error: "There is more than one credential; send one token or ticket, in one place, once.",
      }));

  test("RT-6 the response has our subprotocol if any was offered, and never the token", () => {
    expect(opening("/ws/anna/lobby", { [PROTOCOL]: "bearer.abc, parley.v1" }).subprotocol).toBe("parley.v1");
    expect(opening("/ws/anna/lobby").subprotocol).toBeUndefined();
  });
});

describe("W1 addresses refused after the upgrade", () => {
  const IDS: Record<string, string | undefined> = {
    anna: "anna",
    "a%6Ena": "anna",
    "anna@example.com": "anna@example.com",
    "urn:x:1": "urn:x:1",
    ["a".repeat(128)]: "a".repeat(128),
    ["a".repeat(129)]: undefined,
    "an%20na": undefined,
    "a%2Fb": undefined,
    "a%00b": undefined,
    "a%0Ab": undefined,
    "%zz": undefined,
    "%C3%A4": undefined,
    "%E4": undefined,
    "<b>": undefined,
  };
  for (const [segment, id] of Object.entries(IDS)) {
    test(`W1 ${segment.slice(0, 20)} (${segment.length}) names ${id === undefined ? "no user" : id.slice(0, 20)}`, () => {
      for (const part of ["user", "conversation"] as const) {
        const { address } = opening(part === "user" ? `/ws/${segment}/lobby` : `/ws/anna/${segment}`);
        if (id === undefined)
          expect(address).toMatchObject({ error: expect.stringContaining(`The ${part} in`) });
        else expect(address).toMatchObject({ [part]: id });
      }
    });
  }

  const CLIENTS: readonly (readonly [query: string, client: string | undefined])[] = [
    ["", undefined],
    ["client=tab-1._Z", "tab-1._Z"],
    [`client=${"a".repeat(64)}`, "a".repeat(64)],
  ];
  for (const [query, client] of CLIENTS)
    test(`W8 ?${query.slice(0, 20)} names ${client === undefined ? "no client" : "a client"}`, () => {
      expect(opening(`/ws/anna/lobby?${query}`)).toMatchObject({
        address: { user: "anna", conversation: "lobby" },
        client,
      });
    });

  for (const value of ["", "a".repeat(65), "a%20b", "a:b", "a@b", "a%2Fb", "%C3%A4", "a%00", "%0A"])
    test(`W3 W8 \`client=${value.slice(0, 20)}\` is refused after the upgrade`, () => {
      expect(opening(`/ws/anna/lobby?client=${value}`).address).toEqual({
        error: "`client` in the address must be 1–64 characters of A-Z a-z 0-9 . _ -.",
      });
    });

  test("W3 W8 two clients are refused after the upgrade, even when they are equal", () => {
    expect(opening("/ws/anna/lobby?client=a&client=a").address).toEqual({
      error: "There is more than one `client` in the address.",
    });
  });

  test("W3 a ticket may replace a token", () => {
    expect(opening("/ws/anna/lobby?ticket=abc")).toMatchObject({
      address: { user: "anna", conversation: "lobby" },
      token: undefined,
      ticket: "abc",
    });
  });
});
