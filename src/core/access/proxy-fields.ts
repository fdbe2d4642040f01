// The fields that proxies add to forwarded requests. Any client can send them, so a request never gets a right by them: for
// that the operator must name the proxy as trusted. But their presence can be a reason to refuse a request.

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

/** Returns whether a request has a field that proxies add. */
export function isForwarded(headers: Headers): boolean {
  for (const name of headers.keys())
    if (name.startsWith("x-forwarded") || PROXY_FIELDS.has(name)) return true;
  return false;
}

/**
 * Returns the scheme of the client's request to the first proxy, from `X-Forwarded-Proto`: `https`, `HTTPS`, `wss`, or a list
 * such as `https, http`, to which each proxy adds the scheme of its own request. Undefined for any other value.
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
