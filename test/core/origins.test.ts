import { describe, expect, test } from "bun:test";
import { mayConnect } from "../../src/core/origins.ts";

describe("W2 on a loopback address", () => {
  const RULE = { listed: [], loopbackPort: 8000 };

  test("W2 the server's own page may connect under each of the machine's own names", () => {
    for (const name of ["localhost", "127.0.0.1", "[::1]"])
      expect(mayConnect(RULE, `http://${name}:8000`, "http", `${name}:8000`)).toBe(true);
  });

  test("W2 DNS rebinding: a name made to point here equals its Host, and is refused all the same", () => {
    expect(mayConnect(RULE, "http://rebound.evil.example:8000", "http", "rebound.evil.example:8000")).toBe(
      false,
    );
  });

  test("W2 another port, another scheme and `null` are refused", () => {
    for (const origin of ["http://localhost:8001", "http://localhost", "https://localhost:8000", "null"])
      expect(mayConnect(RULE, origin, "http", "localhost:8000")).toBe(false);
  });

  test("W2 port 80 is the one that browsers leave out", () => {
    expect(mayConnect({ listed: [], loopbackPort: 80 }, "http://localhost", "http", "localhost")).toBe(true);
    expect(mayConnect({ listed: [], loopbackPort: 443 }, "https://localhost", "https", "localhost")).toBe(
      true,
    );
    expect(mayConnect({ listed: [], loopbackPort: 80 }, "http://localhost:80", "http", "localhost")).toBe(
      false,
    );
  });
});

describe("W2 on a public address", () => {
  const RULE = { listed: ["https://app.example.com", "null"], loopbackPort: undefined };

  test("W2 the server's own page may connect: same scheme, host and port", () => {
    expect(mayConnect(RULE, "https://chat.example.com", "https", "chat.example.com")).toBe(true);
    expect(mayConnect(RULE, "https://chat.example.com:8443", "https", "Chat.Example.com:8443")).toBe(true);
    expect(mayConnect(RULE, "http://chat.example.com", "https", "chat.example.com")).toBe(false);
    expect(mayConnect(RULE, "https://chat.example.com:8443", "https", "chat.example.com")).toBe(false);
  });

  // Some proxies write the port into `Host` that browsers leave out of `Origin`; the own page was refused behind them.
  test("W2 a Host that names its scheme's own port is the same host", () => {
    expect(mayConnect(RULE, "https://chat.example.com", "https", "chat.example.com:443")).toBe(true);
    expect(mayConnect(RULE, "http://chat.example.com", "http", "chat.example.com:80")).toBe(true);
    expect(mayConnect(RULE, "http://chat.example.com", "http", "chat.example.com:443")).toBe(false);
  });

  test("W2 `null` passes where it is listed", () => {
    expect(mayConnect(RULE, "null", "https", "chat.example.com")).toBe(true);
    expect(mayConnect({ ...RULE, listed: [] }, "null", "https", "chat.example.com")).toBe(false);
  });
});
