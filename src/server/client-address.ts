import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";

/** Answers who a request comes from: the socket's address, or what trusted proxies say about it. */
export type ClientAddress = (socketAddress: string, forwardedFor: string | null) => string;

/**
 * Makes the function that finds a client's address (W5).
 *
 * `X-Forwarded-For` is written by whoever sends it. It is read from the right, where the nearest proxy wrote, and only
 * as long as the hop that wrote it is in `trustedNetworks` (`10.0.0.0/8`, `fd00::/8` or single addresses): the first
 * address that is not a trusted proxy's is the client's. Without trusted networks the field means nothing.
 */
export function clientAddressBehind(trustedNetworks: readonly string[]): ClientAddress {
  const trusted = new BlockList();
  for (const network of trustedNetworks) addNetwork(trusted, network);
  const isTrusted = (address: string) => trusted.check(address, isIPv6(address) ? "ipv6" : "ipv4");

  return (socketAddress, forwardedFor) => {
    let client = plainAddress(socketAddress) ?? socketAddress;
    if (trustedNetworks.length === 0 || forwardedFor === null) return client;
    const hops = forwardedFor.split(",");
    while (isIP(client) !== 0 && isTrusted(client)) {
      const hop = plainAddress(hops.pop() ?? "");
      if (hop === undefined) break;
      client = hop;
    }
    return client;
  };
}

/** Whether `host`, a name or an address, can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  const address = plainAddress(host) ?? host;
  return address.toLowerCase() === "localhost" || address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/**
 * What limits by address count as one client: an IPv4 address, or the first 64 bits of an IPv6 address, because one
 * household or rented machine has all 2^64 addresses behind them to hop through.
 */
export function addressGroup(address: string): string {
  if (!address.includes(":")) return address;
  const [left = "", right] = address.split("%")[0]!.toLowerCase().split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = right === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array<string>(zeros).fill("0"), ...tail].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}

function addNetwork(list: BlockList, network: string): void {
  const [address = "", length] = network.split("/");
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  if (length === undefined) list.addAddress(address, family);
  else list.addSubnet(address, Number(length), family);
}

/** An address without port, brackets or the IPv6 form of IPv4 (`::ffff:10.0.0.1`); undefined for anything else. */
function plainAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  const trimmed = text.trim();
  const bare =
    /^\[([^\]]+)\](?::\d{1,5})?$/.exec(trimmed)?.[1] ??
    /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(trimmed)?.[1] ??
    trimmed;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
  return isIP(mapped) === 0 ? undefined : mapped;
}
