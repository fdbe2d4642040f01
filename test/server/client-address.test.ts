import { describe, expect, test } from "bun:test";
import { addressGroup, clientAddressBehind, isLoopback } from "../../src/server/client-address.ts";

describe("W5 the client's address", () => {
  test("W5 without trusted proxies X-Forwarded-For means nothing", () => {
    expect(clientAddressBehind([])("203.0.113.9", "198.51.100.1")).toBe("203.0.113.9");
  });

  const behind = clientAddressBehind(["10.0.0.0/8", "fd00::/8", "192.0.2.7"]);
  const cases: [socket: string, forwarded: string | null, client: string][] = [
    ["203.0.113.9", "198.51.100.1", "203.0.113.9"], // not a proxy: it could write anything
    ["10.0.0.1", null, "10.0.0.1"],
    ["10.0.0.1", "", "10.0.0.1"],
    ["10.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"], // 1.2.3.4 was written by the client itself
    ["10.0.0.1", "198.51.100.1, 10.9.9.9,192.0.2.7", "198.51.100.1"],
    ["10.0.0.1", "1.2.3.4, nonsense", "10.0.0.1"],
    ["10.0.0.1", "1.2.3.4, 10.2.2.2 , unknown, 10.3.3.3", "10.3.3.3"],
    ["10.0.0.1", "10.0.0.5", "10.0.0.5"],
    ["::ffff:10.0.0.1", "198.51.100.1:4711", "198.51.100.1"],
    ["fd12::1", "[2001:db8::1]:443", "2001:db8::1"],
    ["192.0.2.8", "198.51.100.1", "192.0.2.8"],
  ];
  test.each(cases)("W5 socket %s, forwarded for %p: %s", (socket, forwarded, client) => {
    expect(behind(socket, forwarded)).toBe(client);
  });

  test("loopback is this machine only", () => {
    for (const host of [
      "localhost",
      "LOCALHOST",
      "127.0.0.1",
      "127.8.8.8",
      "::1",
      "[::1]",
      "::ffff:127.0.0.1",
    ])
      expect(isLoopback(host)).toBe(true);
    for (const host of ["0.0.0.0", "::", "", "128.0.0.1", "localhost.example.com", "127.example.com"])
      expect(isLoopback(host)).toBe(false);
  });

  test("S3 an IPv6 client counts by its first 64 bits, behind which it has all addresses", () => {
    expect(addressGroup("192.0.2.1")).toBe("192.0.2.1");
    expect(addressGroup("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
    expect(addressGroup("2001:0DB8:1:2::9")).toBe("2001:db8:1:2::/64");
    expect(addressGroup("2001:db8::9")).toBe("2001:db8:0:0::/64");
    expect(addressGroup("::1")).toBe("0:0:0:0::/64");
    expect(addressGroup("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
  });
});
