// The fields that proxies add to forwarded requests. Any client can write them, so they never grant anything by
// themselves: a granting proxy must be named by the operator. Their presence alone may count against a request.

/** Fields of proxies, balancers and content networks that do not begin with `x-forwarded`. */
const PROXY_FIELDS: ReadonlySet<string> = new Set([
  "forwarded",
  "forwarded-for",
  "via",
  "cdn-loop",
  "cf-connecting-ip",
  "cf-connecting-ipv6",
  "cf-pseudo-ipv4",
  "cf-ray",
  "cf-visitor",
  "cf-worker",
  "client-ip",
  "do-connecting-ip",
  "fastly-client-ip",
  "fly-client-ip",
  "fly-forwarded-port",
  "fly-forwarded-proto",
  "front-end-https",
  "proxy-client-ip",
  "real-ip",
  "true-client-ip",
  "wl-proxy-client-ip",
  "x-amz-cf-id",
  "x-amzn-trace-id",
  "x-appengine-user-ip",
  "x-arr-ssl",
  "x-azure-clientip",
  "x-azure-socketip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-envoy-external-address",
  "x-envoy-peer-metadata",
  "x-nf-client-connection-ip",
  "x-original-forwarded-for",
  "x-original-host",
  "x-originating-ip",
  "x-proxyuser-ip",
  "x-real-ip",
  "x-remote-addr",
  "x-remote-ip",
  "x-scheme",
  "x-tailscale-user",
  "tailscale-user-login",
]);

/** Whether a request has a field that shows a proxy. */
export function isForwarded(headers: Headers): boolean {
  for (const name of headers.keys())
    if (name.startsWith("x-forwarded") || PROXY_FIELDS.has(name)) return true;
  return false;
}

/**
 * The scheme under which the first of several proxies was asked, out of `X-Forwarded-Proto`: `https`, `HTTPS`, `wss`, or a
 * list such as `https, http`, in which each proxy has added how it was asked. Undefined where it says neither.
 */
export function forwardedScheme(field: string | null): "http" | "https" | undefined {
  switch ((field ?? "").split(",", 1)[0]!.trim().toLowerCase()) {
    case "https":
    case "wss":
      return "https";
    case "http":
    case "ws":
      return "http";
    default:
      return undefined;
  }
}
