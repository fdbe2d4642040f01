import { BlockList, isIPv4, isIPv6 } from "node:net";

/** Returns the address of a request's client: the socket's peer, or the address that trusted proxies forward. */
export type ClientAddress = (socketAddress: string, forwardedFor: string | null) => string;

/**
 * Returns the function that finds a client's address (W5).
 *
 * Any client can send `X-Forwarded-For` with any content. So it is read from the right, where the nearest proxy appended,
 * and only while the hop that appended is in `trustedNetworks` (`10.0.0.0/8`, `fd00::/8` or single addresses). The first
 * address that is not a trusted proxy's is the client's. Without trusted networks the field is ignored.
 */
export function clientAddressBehind(trustedNetworks: readonly string[]): ClientAddress {
  const isTrusted = isTrustedIn(trustedNetworks);

  return (socketAddress, forwardedFor) => {
    let client = plainAddress(socketAddress) ?? socketAddress;
    if (trustedNetworks.length === 0 || forwardedFor === null) return client;
    const hops = forwardedFor.split(",");
    while (isTrusted(client)) {
      const hop = plainAddress(hops.pop() ?? "");
      if (hop === undefined) break;
      client = hop;
    }
    // A slice of a string keeps the whole string in memory, and the limits keep this address for long, so it is copied (B3).
    return Buffer.from(client, "latin1").toString("latin1");
  };
}

/** Returns the function that decides whether the peer of a connection is a trusted proxy. */
export function isTrustedIn(trustedNetworks: readonly string[]): (socketAddress: string) => boolean {
  if (trustedNetworks.length === 0) return () => false;
  const trusted = new BlockList();
  for (const network of trustedNetworks) addNetwork(trusted, network);
  return (socketAddress) => {
    const address = plainAddress(socketAddress);
    return address !== undefined && trusted.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  };
}

/** Returns whether `host`, a name or an address, can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  const address = plainAddress(host) ?? host;
  return address.toLowerCase() === "localhost" || address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/**
 * Returns the part of an address that limits by address count as one client: an IPv4 address, or the first 64 bits of an IPv6
 * address, because one household or rented machine can use all 2^64 addresses behind them. An IPv6 address that was made from
 * an IPv4 address counts as that one: a translator maps the whole IPv4 Internet into one such network, and 6to4 gives each
 * IPv4 address 65,536 networks.
 */
export function addressGroup(address: string): string {
  const plain = plainAddress(address);
  if (plain === undefined || !plain.includes(":")) return plain ?? address.slice(0, MAX_ADDRESS_LENGTH);
  const groups = groupsOf(plain);
  const inside = embeddedIPv4(groups);
  if (inside !== undefined) return inside;
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":")}::/64`;
}

/**
 * Returns the IPv4 address that an IPv6 address holds by NAT64 or 6to4, or in its last 32 bits (`::10.0.0.1`, RFC 4291 §2.5.5.1);
 * any other address as it is. `plain` is as `plainAddress` returns it.
 */
export function innerAddress(plain: string): string {
  if (!plain.includes(":")) return plain;
  const groups = groupsOf(plain);
  const isCompatible = groups.slice(0, 6).every((group) => group === 0) && groups[6] !== 0;
  return embeddedIPv4(groups) ?? (isCompatible ? dotted(groups[6]!, groups[7]!) : plain);
}

/** The length of the longest address (RFC 4291 §2.2). Longer texts, which are no addresses, are cut to it. */
const MAX_ADDRESS_LENGTH = 45;

/** Prefixes of IPv6 addresses that hold an IPv4 address, and the first of the two groups in which it stands. */
const IPV4_IN_IPV6: readonly { readonly prefix: readonly number[]; readonly at: number }[] = [
  // RFC 6052 §2.1: NAT64.
  { prefix: [0x64, 0xff9b, 0, 0, 0, 0], at: 6 },
  // RFC 7915, RFC 2765 §2.1: IPv4-translated.
  { prefix: [0, 0, 0, 0, 0xffff, 0], at: 6 },
  // RFC 3056 §2: 6to4.
  { prefix: [0x2002], at: 1 },
];

function embeddedIPv4(groups: readonly number[]): string | undefined {
  const form = IPV4_IN_IPV6.find(({ prefix }) => prefix.every((group, index) => groups[index] === group));
  return form === undefined ? undefined : dotted(groups[form.at]!, groups[form.at + 1]!);
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}

/** Returns the eight groups of an IPv6 address in its shortest form. */
function groupsOf(address: string): number[] {
  const [left = "", right] = address.split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = Array<string>(8 - head.length - tail.length).fill("0");
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
}

function addNetwork(list: BlockList, network: string): void {
  const [text = "", length] = network.split("/");
  const address = plainAddress(text) ?? text;
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  if (length === undefined) list.addAddress(address, family);
  // `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
  else list.addSubnet(address, Number(length) - (family === "ipv4" && text.includes(":") ? 96 : 0), family);
}

/**
 * Returns an address in its canonical form: without port, brackets and zone, an IPv6 address in the short form of RFC 5952,
 * and the IPv6 form of an IPv4 address (`::ffff:10.0.0.1`, RFC 4291 §2.5.5.2) as IPv4. Undefined for any other text.
 *
 * The limits by address must not count one client as several because a proxy writes its address in another form.
 */
export function plainAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  const trimmed = text.trim();
  const bare =
    /^\[([^\]]+)\](?::\d{1,5})?$/.exec(trimmed)?.[1] ??
    /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(trimmed)?.[1] ??
    trimmed;
  const [address = ""] = bare.split("%");
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return undefined;
  const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1);
  if (!shortest.startsWith("::ffff:")) return shortest;
  const groups = groupsOf(shortest);
  return groups[5] === 0xffff ? dotted(groups[6]!, groups[7]!) : shortest;
}
