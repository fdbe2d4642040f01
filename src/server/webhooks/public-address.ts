import { BlockList, isIPv6 } from "node:net";
import { innerAddress, plainAddress } from "../client-address.ts";

/** Reached from this machine or its own networks only: RFC 6890 and what followed it. Allowed with WEBHOOK_ALLOW_PRIVATE. */
const PRIVATE_NETWORKS = [
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "::1/128",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
];

/** No single machine answers there, or nothing should. Never allowed. */
const UNUSABLE_NETWORKS = [
  "0.0.0.0/8",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/128",
  "100::/64",
  // Teredo, benchmarking, ORCHID and other special uses (RFC 2928).
  "2001::/23",
  "2001:db8::/32",
  "ff00::/8",
  // Local translation of addresses (RFC 8215), whose form nobody but that network knows.
  "64:ff9b:1::/48",
];

const PRIVATE = blockList(PRIVATE_NETWORKS);
const UNUSABLE = blockList(UNUSABLE_NETWORKS);

/**
 * Returns what kind of place an IP address is. An IPv6 address that holds an IPv4 address (mapped, NAT64, 6to4) counts as that one,
 * because that is where a packet would go.
 */
export function placeOf(address: string): "public" | "private" | "unusable" {
  const plain = plainAddress(address);
  if (plain === undefined) return "unusable";
  const inner = innerAddress(plain);
  const family = isIPv6(inner) ? "ipv6" : "ipv4";
  if (UNUSABLE.check(inner, family)) return "unusable";
  return PRIVATE.check(inner, family) ? "private" : "public";
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", length] = network.split("/");
    list.addSubnet(address, Number(length), isIPv6(address) ? "ipv6" : "ipv4");
  }
  return list;
}
