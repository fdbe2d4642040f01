// The `Host` field of a request (RFC 9110 §7.2): the name with which the client reached the server. A page controls the
// content of its requests, but neither `Host` nor `Origin`: the browser writes these two.

/** A host name or address in the form that browsers use, and the port, where one is named. */
export interface HostAndPort {
  /** Small letters; an IPv6 address in brackets. */
  readonly name: string;
  /** Undefined where none is named: the default of the scheme. */
  readonly port: number | undefined;
}

/** A name, an IPv4 address, or an IPv6 address in brackets, and at most one port (RFC 3986 §3.2.2). */
const HOST_FIELD = /^(?:[\w.~!$&'()*+;=%-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i;

/** A part of an IPv4 address. */
const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
/** Names in the form that browsers use: an IPv4 address, or a name whose last part is not a number. */
const PLAIN_NAME = new RegExp(`^(?:(?:${OCTET}\\.){3}${OCTET}|(?:[a-z\\d_-]+\\.)*[a-z][a-z\\d-]*)$`);

/** Reads a `Host` field; undefined where it is missing, empty, repeated or malformed. */
export function parseHost(field: string | null): HostAndPort | undefined {
  const match = HOST_FIELD.exec(field ?? "");
  if (match === null) return undefined;
  const port = match[1];
  const name = port === undefined ? match[0] : match[0].slice(0, -port.length - 1);
  const number = port === undefined ? undefined : Number(port);
  // Every handshake is checked here, and parsing a URL would take longer than all other checks together.
  if (PLAIN_NAME.test(name)) return { name, port: number };
  // Browsers normalize each address: `0x7f.1` is sent as 127.0.0.1.
  const parsed = URL.parse(`http://${name}`);
  if (parsed === null) return undefined;
  return { name: parsed.hostname, port: number };
}

/**
 * Whether a name in the form of `HostAndPort` always means the client's own machine: no owner of a domain can point it
 * elsewhere, or give a page such a name (RFC 6761 §6.3, RFC 6890).
 */
export function isLoopbackName(name: string): boolean {
  return (
    /^(?:[^.]+\.)*localhost\.?$/.test(name) ||
    /^127(?:\.\d{1,3}){3}$/.test(name) ||
    name === "[::1]" ||
    // 127.0.0.0/8 in the IPv6 form of IPv4, `::ffff:127.0.0.1`.
    /^\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\]$/.test(name)
  );
}
