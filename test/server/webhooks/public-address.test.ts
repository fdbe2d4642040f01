import { expect, test } from "bun:test";
import { placeOf } from "../../../src/server/webhooks/public-address.ts";

test("EV2 an address is private however it is written, and what is no address of one machine is never used", () => {
  const table = {
    public: [
      "93.184.216.34",
      "1.1.1.1",
      "172.32.0.1",
      "100.128.0.1",
      "2606:4700::1111",
      "::ffff:1.1.1.1",
      "64:ff9b::101:101",
      "2002:101:101::1",
    ],
    private: [
      "10.0.0.1",
      "127.0.0.1",
      "127.255.255.254",
      "169.254.169.254",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "100.64.0.1",
      "198.19.0.1",
      "::1",
      "fe80::1",
      "fe80::1%eth0",
      "fd00:ec2::254",
      "fec0::1",
      "::ffff:127.0.0.1",
      "::ffff:7f00:1",
      "::127.0.0.1",
      "64:ff9b::a9fe:a9fe",
      "64:ff9b::10.0.0.1",
      "2002:7f00:1::",
      "2002:c0a8:101::1",
      "::ffff:0:10.0.0.1",
    ],
    unusable: [
      "0.0.0.0",
      "0.1.2.3",
      "224.0.0.1",
      "239.255.255.255",
      "255.255.255.255",
      "240.0.0.1",
      "192.0.2.1",
      "::",
      "ff02::1",
      "2001:db8::1",
      "2001:0:7f00:1::",
      "100::1",
      "64:ff9b:1::a00:1",
      "64:ff9b::224.0.0.1",
      "localhost",
      "",
    ],
  } as const;
  for (const [place, addresses] of Object.entries(table))
    for (const address of addresses) expect(`${address} ${placeOf(address)}`).toBe(`${address} ${place}`);
});
