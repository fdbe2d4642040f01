/**
 * Path and query of a request, as they were sent; undefined for what is no path, as in `CONNECT host:80`.
 *
 * The runtime's URL is whole only where `Host` can be a part of one (RT-17): without the field, as health checks with
 * HTTP/1.0 ask, and with one that is empty or malformed, the URL is the path alone.
 */
export function targetOf(url: string): string | undefined {
  if (url.startsWith("/")) return url;
  const authority = url.indexOf("://");
  if (authority < 0) return undefined;
  const path = url.indexOf("/", authority + 3);
  return path < 0 ? "/" : url.slice(path);
}

/** The same request with a URL that a router can read, whatever `Host` was. */
export function withWholeUrl(request: Request): Request {
  return request.url.startsWith("/") ? new Request(`http://parley.invalid${request.url}`, request) : request;
}

/** Whether sockets are opened there. */
export function isSocketTarget(target: string): boolean {
  return target.startsWith("/ws/");
}

/** Whether more than its head belongs to a request (RFC 9112 §6.3). */
export function hasBody(headers: Headers): boolean {
  return headers.has("transfer-encoding") || (headers.get("content-length") ?? "0") !== "0";
}
