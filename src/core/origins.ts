/** Which pages may open sockets (W2). */
export interface OriginRule {
  /** Origins as browsers send them: `https://chat.example.com`. `null`, the origin of sandboxed pages, must be listed too. */
  readonly listed: readonly string[];
  /** The port, when the server listens on a loopback address; undefined otherwise. */
  readonly loopbackPort: number | undefined;
}

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Whether a page from `origin` may open a socket on a server that was asked for as `scheme://host`.
 *
 * The server's own page may. On a loopback address "own" is a fixed list of names: a page of an attacker's whose name
 * was made to resolve to 127.0.0.1 (DNS rebinding) has an Origin equal to its Host, and must not count as ours.
 */
export function mayConnect(
  rule: OriginRule,
  origin: string,
  scheme: "http" | "https",
  host: string,
): boolean {
  if (rule.listed.includes(origin.toLowerCase())) return true;
  const own =
    rule.loopbackPort === undefined
      ? [originOf(scheme, host.toLowerCase())]
      : LOOPBACK_NAMES.map((name) => originOf(scheme, `${name}:${rule.loopbackPort}`));
  return own.includes(origin.toLowerCase());
}

/** Browsers leave a scheme's default port out. */
function originOf(scheme: "http" | "https", host: string): string {
  return `${scheme}://${host.replace(scheme === "http" ? /:80$/ : /:443$/, "")}`;
}
