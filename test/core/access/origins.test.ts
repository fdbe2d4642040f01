import { describe, expect, test } from "bun:test";
import { explainOriginRefusal, type OriginRule, schemeOf } from "../../../src/core/access/origins.ts";

const LISTED = ["https://app.example.com", "http://chat.local:8000"];
const LOOPBACK: OriginRule = { allowed: LISTED, loopbackPort: 8000 };
const PUBLIC: OriginRule = { allowed: LISTED, loopbackPort: undefined };
const PROXY = { "X-Forwarded-For": "203.0.113.5" };

interface Row {
  readonly host?: string;
  readonly origin?: string;
  readonly scheme?: "http" | "https";
  readonly proxy?: boolean;
  /** Whether it passes a server on a loopback address with port 8000, and one on any other address. */
  readonly passes: readonly [boolean, boolean];
}

const [BOTH, NEITHER] = [[true, true] as const, [false, false] as const];
const [LOCAL, ELSEWHERE] = [[true, false] as const, [false, true] as const];

function passes(rule: OriginRule, { host, origin, scheme = "http", proxy = false }: Row): boolean {
  const headers = new Headers(proxy ? PROXY : {});
  if (host !== undefined) headers.set("Host", host);
  if (origin !== undefined) headers.set("Origin", origin);
  return explainOriginRefusal(rule, { scheme, headers }) === undefined;
}

const TABLE: Readonly<Record<string, readonly Row[]>> = {
  "programs, which send no Origin, pass under every name of this machine": [
    { passes: BOTH },
    { host: "", passes: BOTH },
    ...[
      "localhost:8000",
      "LOCALHOST",
      "localhost.",
      "chat.localhost:8000",
      "127.0.0.1:8000",
      "127.8.9.1",
      "[::1]:8000",
      "[0:0:0:0:0:0:0:1]:8000",
      "[::ffff:127.0.0.1]:8000",
      // A forwarded port, as of `ssh -L 9000:localhost:8000`.
      "localhost:9000",
    ].map((host) => ({ host, passes: BOTH })),
  ],
  "DNS rebinding: another's name under our port is refused on a loopback address, whatever else is written": [
    { host: "evil.example:8000", passes: ELSEWHERE },
    { host: "evil.example:8000", proxy: true, passes: ELSEWHERE },
    { host: "evil.example:8000", origin: "http://evil.example:8000", passes: ELSEWHERE },
    { host: "evil.example:8000", origin: "http://evil.example:8000", proxy: true, passes: ELSEWHERE },
    { host: "evil.example", passes: ELSEWHERE },
    { host: "evil.example", origin: "http://evil.example", proxy: true, passes: ELSEWHERE },
    { host: "evil.example:9000", origin: "http://evil.example:9000", proxy: true, passes: ELSEWHERE },
    { host: "localhost.evil.example:8000", passes: ELSEWHERE },
    { host: "127.0.0.1.evil.example:8000", passes: ELSEWHERE },
    { host: "notlocalhost:8000", passes: ELSEWHERE },
    { host: "[::ffff:192.0.2.1]:8000", passes: ELSEWHERE },
    { host: "localhost:8000, evil.example", passes: ELSEWHERE },
  ],
  "the server's own page": [
    { host: "localhost:8000", origin: "http://localhost:8000", passes: BOTH },
    { host: "[::1]:8000", origin: "http://[::1]:8000", passes: BOTH },
    { host: "localhost.:8000", origin: "http://localhost.:8000", passes: BOTH },
    { host: "localhost:9000", origin: "http://localhost:9000", passes: BOTH },
    { host: "chat.localhost:8000", origin: "http://chat.localhost:8000", passes: BOTH },
    // A proxy for developers, which puts its own name for the server into `Host`.
    { host: "127.0.0.1:8000", origin: "http://localhost:8000", passes: LOCAL },
    { host: "chat.example.com", origin: "http://chat.example.com", passes: ELSEWHERE },
    { host: "Chat.Example.com:80", origin: "http://chat.example.com", passes: ELSEWHERE },
    { host: "chat.example.com", origin: "https://chat.example.com", scheme: "https", passes: ELSEWHERE },
    {
      host: "chat.example.com:8443",
      origin: "https://chat.example.com:8443",
      scheme: "https",
      passes: ELSEWHERE,
    },
  ],
  "the server's own page behind a proxy that ends TLS and passes `Host` on, without a setting": [
    { host: "chat.example.com", origin: "https://chat.example.com", proxy: true, passes: BOTH },
    { host: "chat.example.com:443", origin: "https://chat.example.com", proxy: true, passes: BOTH },
    { host: "chat.example.com:8443", origin: "https://chat.example.com:8443", proxy: true, passes: BOTH },
    { host: "chat.example.com", proxy: true, passes: BOTH },
    { host: "localhost:8443", origin: "https://localhost:8443", proxy: true, passes: BOTH },
    // Without a field of a proxy nothing shows that there is one.
    { host: "chat.example.com", origin: "https://chat.example.com", passes: NEITHER },
    { host: "chat.example.com", passes: ELSEWHERE },
  ],
  "the server's own page behind a proxy that says another name, or drops the port: only where it is listed": [
    { host: "127.0.0.1:8000", origin: "https://chat.example.com", proxy: true, passes: NEITHER },
    { host: "chat.example.com", origin: "https://chat.example.com:8443", proxy: true, passes: NEITHER },
    { host: "127.0.0.1:8000", origin: "https://app.example.com", proxy: true, passes: BOTH },
  ],
  "pages of other origins": [
    { host: "localhost:8000", origin: "https://evil.example", passes: NEITHER },
    { host: "localhost:8000", origin: "null", passes: NEITHER },
    { host: "localhost:8000", origin: "null", proxy: true, passes: NEITHER },
    { host: "localhost:8000", origin: "", passes: NEITHER },
    { host: "localhost:8000", origin: "file://", passes: NEITHER },
    { host: "localhost:8000", origin: "http://localhost:8001", passes: NEITHER },
    { host: "localhost:8000", origin: "http://localhost", passes: NEITHER },
    { host: "localhost:8000", origin: "https://localhost:8000", passes: NEITHER },
    { host: "localhost:8000", origin: "http://localhost:8000/", passes: NEITHER },
    { host: "localhost:8000", origin: "http://user@localhost:8000", passes: NEITHER },
    { host: "localhost:8000", origin: "http://localhost:8000, http://evil.example", passes: NEITHER },
    { origin: "http://localhost:8000", passes: NEITHER },
    { host: "chat.example.com", origin: "http://chat.example.com", scheme: "https", passes: NEITHER },
    {
      host: "chat.example.com",
      origin: "https://chat.example.com.evil.example",
      proxy: true,
      passes: NEITHER,
    },
  ],
  "listed origins pass, and so does their host": [
    { host: "localhost:8000", origin: "https://app.example.com", passes: BOTH },
    { host: "localhost:8000", origin: "HTTPS://APP.example.com", passes: BOTH },
    { host: "app.example.com:8000", passes: BOTH },
    { host: "chat.local:8000", origin: "http://chat.local:8000", passes: BOTH },
    { origin: "https://app.example.com", passes: BOTH },
    { host: "localhost:8000", origin: "http://app.example.com", passes: NEITHER },
    { host: "localhost:8000", origin: "https://app.example.com:444", passes: NEITHER },
  ],
};

describe.each(Object.entries(TABLE))("W2 %s", (_name, rows) => {
  test.each(rows.map((row) => [JSON.stringify(row), row] as const))("W2 %s", (_row, row) => {
    expect([passes(LOOPBACK, row), passes(PUBLIC, row)]).toEqual([...row.passes]);
  });
});

test("W2 port 80 is the one that browsers omit", () => {
  const on = (loopbackPort: number): OriginRule => ({ allowed: [], loopbackPort });
  expect(passes(on(80), { host: "localhost", origin: "http://localhost", passes: BOTH })).toBe(true);
  expect(passes(on(80), { host: "localhost", origin: "http://localhost:80", passes: BOTH })).toBe(false);
  expect(passes(on(80), { host: "evil.example", proxy: true, passes: BOTH })).toBe(false);
  const tls: Row = { host: "localhost", origin: "https://localhost", scheme: "https", passes: BOTH };
  expect(passes(on(443), tls)).toBe(true);
});

test("W2 a refusal names the refused origin, unless it could harm a terminal", () => {
  const refusal = (origin: string) =>
    explainOriginRefusal(PUBLIC, { scheme: "http", headers: new Headers({ Host: "a", Origin: origin }) });
  expect(refusal("https://evil.example:1")).toStartWith("Pages of https://evil.example:1 may not connect;");
  expect(refusal("https://evil\u009b31m")).toStartWith("Pages of another origin may not connect;");
});

test.each([
  ["https", "https"],
  ["HTTPS", "https"],
  ["wss", "https"],
  ["WSS ", "https"],
  ["https, http", "https"],
  ["https,http", "https"],
  ["http, https", "http"],
  ["ws", "http"],
  ["", "http"],
  ["gopher", "http"],
] as const)("W2 X-Forwarded-Proto %j of a trusted proxy means %s", (field, scheme) => {
  expect(schemeOf(false, field)).toBe(scheme);
  expect(schemeOf(true, field)).toBe("https");
});
