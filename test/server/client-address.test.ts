import { describe, expect, test } from "bun:test";
import { addressGroup, clientAddressBehind, isLoopback } from "../../src/server/client-address.ts";

describe("W5 the client's address", () => {
  test("W5 without trusted proxies X-Forwarded-For is ignored", () => {
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
    ["10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"],
    ["10.0.0.1", "::FFFF:c633:6401", "198.51.100.1"],
    ["10.0.0.1", "[0:0:0:0:0:ffff:198.51.100.1]:443", "198.51.100.1"],
    ["10.0.0.1", "2001:DB8:0:0:0:0:0:1%eth0", "2001:db8::1"],
    ["0:0:0:0:0:ffff:a00:1", "198.51.100.1", "198.51.100.1"],
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
      "::ffff:7f00:1",
      "0:0:0:0:0:0:0:1",
    ])
      expect(isLoopback(host)).toBe(true);
    for (const host of [
      "0.0.0.0",
      "::",
      "",
      "128.0.0.1",
      "localhost.example.com",
      "127.example.com",
      // A translator of the network's makes these, and not this machine.
      "64:ff9b::127.0.0.1",
      "2002:7f00:1::1",
    ])
      expect(isLoopback(host)).toBe(false);
  });

  test("W5 a trusted network may be written in the IPv6 form of IPv4", () => {
    const address = clientAddressBehind(["::ffff:10.0.0.0/104", "::ffff:192.0.2.7"]);
    expect(address("10.1.2.3", "198.51.100.1")).toBe("198.51.100.1");
    expect(address("192.0.2.7", "198.51.100.1")).toBe("198.51.100.1");
    expect(address("11.1.2.3", "198.51.100.1")).toBe("11.1.2.3");
  });

  test("SEC-S3 an IPv4 address in an IPv6 address counts as that, in any spelling", () => {
    for (const spelling of [
      "5.5.5.5",
      "::ffff:5.5.5.5",
      "::FFFF:505:505",
      "0:0:0:0:0:ffff:5.5.5.5",
      "[::ffff:5.5.5.5]:80",
      "64:ff9b::5.5.5.5",
      "64:ff9b::505:505",
      "::ffff:0:5.5.5.5",
      "2002:505:505::1",
      "2002:505:505:beef::2",
    ])
      expect(addressGroup(spelling)).toBe("5.5.5.5");
    expect(addressGroup("::5.5.5.5")).toBe("0:0:0:0::/64");
    expect(addressGroup("64:ff9b:1::505:505")).toBe("64:ff9b:1:0::/64");
  });

  test("B3 an invalid address is remembered in part only", () => {
    expect(addressGroup("x".repeat(20_000))).toHaveLength(45);
    expect(addressGroup(`fe80::1%${"z".repeat(20_000)}`)).toBe("fe80:0:0:0::/64");
  });

  test("SEC-S3 an IPv6 client counts by its first 64 bits, because it has all addresses of its network", () => {
    expect(addressGroup("192.0.2.1")).toBe("192.0.2.1");
    expect(addressGroup("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
    expect(addressGroup("2001:0DB8:1:2::9")).toBe("2001:db8:1:2::/64");
    expect(addressGroup("2001:db8::9")).toBe("2001:db8:0:0::/64");
    expect(addressGroup("::1")).toBe("0:0:0:0::/64");
    expect(addressGroup("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
  });
});
