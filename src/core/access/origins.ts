// Decides which requests of web pages are accepted, over HTTP and on sockets (W2), by `Host` and `Origin`: a page cannot set
// these two, since the browser writes them. A page can set proxy fields in requests to its own name, so proxy fields count
// only where a page could not have sent them.
//
//   HOST is this machine only                       any other HOST
//   the Host must be                                any Host is accepted
//   - a loopback name, whatever the port, or
//   - the host of an origin in ALLOWED_ORIGINS, or
//   - any other with another port than the server's, in a request that came through a proxy
//
//   An Origin must be listed, or the server's own: its host and port are those of `Host`, and
//   - https, where the server or a proxy in front of it speaks TLS, or
//   - http, where neither does; on a loopback address only under a loopback name or a listed one

import { type HostAndPort, isLoopbackName, parseHost } from "./host-field.ts";
import { forwardedScheme, isForwarded } from "./proxy-fields.ts";

/** Which pages may use the server. */
export interface OriginRule {
  /** Origins as browsers send them: `https://chat.example.com`. `null`, the origin of sandboxed pages, must be listed too. */
  readonly allowed: readonly string[];
  /** The port, when the server listens on a loopback address; undefined otherwise. */
  readonly loopbackPort: number | undefined;
}

export interface OriginRequest {
  /** The client's own scheme and host, as far as known: from a trusted proxy, or from the request itself. */
  readonly scheme: "http" | "https";
  readonly headers: Headers;
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** Longest value that is repeated in a message. */
const MAX_SHOWN_LENGTH = 200;

/** Returns a sentence with the reason of a refusal; undefined when the request may pass. */
export function explainOriginRefusal(
  rule: OriginRule,
  { scheme, headers }: OriginRequest,
): string | undefined {
  const field = headers.get("host");
  const host = parseHost(field);
  if (rule.loopbackPort !== undefined && !isOurHost(rule, rule.loopbackPort, field, host, scheme, headers)) {
    const name = host === undefined ? "" : ` (${field!.slice(0, MAX_SHOWN_LENGTH)})`;
    return `The request's \`Host\`${name} is not a name of this server, which listens for its own machine only. If a proxy passed it on, list the page's origin, as in https://chat.example.com, in ALLOWED_ORIGINS.`;
  }
  const origin = headers.get("origin");
  if (origin === null || isOriginAllowed(rule, origin, host, scheme, headers)) return undefined;
  return `Pages of ${shownOrigin(origin)} may not connect; the operator can list this origin in ALLOWED_ORIGINS.`;
}

/**
 * Against DNS rebinding. The name of an attacker's page resolves to 127.0.0.1, so the page reaches the server with that name
 * and the server's own port in `Host`. A request through a proxy or a forwarded port has another port there.
 */
function isOurHost(
  { allowed }: OriginRule,
  ourPort: number,
  field: string | null,
  host: HostAndPort | undefined,
  scheme: "http" | "https",
  headers: Headers,
): boolean {
  // Browsers always send `Host`; health checks with HTTP/1.0 do not.
  if (field === null || field === "") return true;
  if (host === undefined) return false;
  if (isLoopbackName(host.name) || isListedHost(allowed, host.name)) return true;
  return (host.port ?? DEFAULT_PORTS[scheme]) !== ourPort && isForwarded(headers);
}

function isListedHost(listed: readonly string[], name: string): boolean {
  return listed.some((origin) => URL.parse(origin)?.hostname === name);
}

/** Whether a page from `origin` may use the server that it reached as `host`. */
function isOriginAllowed(
  { allowed, loopbackPort }: OriginRule,
  origin: string,
  host: HostAndPort | undefined,
  scheme: "http" | "https",
  headers: Headers,
): boolean {
  const lower = origin.toLowerCase();
  if (allowed.includes(lower)) return true;
  const page = readOrigin(lower);
  if (page === undefined || page.text !== lower || host === undefined) return false;
  const isSameOrigin = page.name === host.name && page.port === (host.port ?? DEFAULT_PORTS[page.scheme]);
  // Only the owner of a name's certificate can serve a page under it with https. If TLS ends at a proxy, that proxy
  // forwarded it.
  if (page.scheme === "https" && scheme === "http") return isSameOrigin && isForwarded(headers);
  if (page.scheme !== scheme) return false;
  if (loopbackPort === undefined) return isSameOrigin;
  const isOurName = isLoopbackName(page.name);
  return isSameOrigin
    ? isOurName || scheme === "https" || isListedHost(allowed, page.name)
    : isOurName && page.port === loopbackPort && isLoopbackName(host.name);
}

interface PageOrigin {
  readonly scheme: "http" | "https";
  readonly name: string;
  readonly port: number;
  /** As browsers write it. */
  readonly text: string;
}

function readOrigin(origin: string): PageOrigin | undefined {
  const url = URL.parse(origin);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  const scheme = url.protocol === "http:" ? "http" : "https";
  return { scheme, name: url.hostname, port: Number(url.port || DEFAULT_PORTS[scheme]), text: url.origin };
}

/** Returns the client's scheme: `https` if this server speaks TLS, otherwise that in the field of a trusted proxy. */
export function schemeOf(secure: boolean, trustedField: string | null): "http" | "https" {
  return secure ? "https" : (forwardedScheme(trustedField) ?? "http");
}

/** Returns an origin for a message; not one with other characters than origins have, which could control a terminal. */
function shownOrigin(origin: string): string {
  return /^[\w.:/[\]-]+$/.test(origin) ? origin.slice(0, MAX_SHOWN_LENGTH) : "another origin";
}

/**
 * Decides which requests may use the cookie of the console's session. A browser sends a cookie with every request to its path, also
 * with those that another page causes, so this is stricter than `explainOriginRefusal`, which comes first. Returns a sentence
 * with the reason of a refusal; undefined when the request may use the cookie.
 *
 * - It needs an `Origin`, which browsers send with every POST.
 * - `Sec-Fetch-Site`, where the browser sends it, must be `same-origin`: also a page of ALLOWED_ORIGINS, or of another host of
 *   the same site, may not use the cookie, although `SameSite=Strict` lets the latter send it.
 * - The body is JSON. A page of another origin can send that only after a preflight request (Fetch, "CORS-safelisted
 *   request-header"), and these paths allow none.
 */
export function explainCookieRefusal(headers: Headers): string | undefined {
  if (headers.get("origin") === null || headers.get("origin") === "null")
    return "The session of the console is for its own page: the request has no `Origin`.";
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin")
    return "The session of the console is for its own page, and this request comes from another one.";
  const type = headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  return type === "application/json"
    ? undefined
    : "The body must be JSON, with `Content-Type: application/json`.";
}
