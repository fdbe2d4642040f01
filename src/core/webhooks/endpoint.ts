// Which addresses a webhook may have. What its name resolves to is checked with each connection (server/webhooks).

/** The longest URL of a webhook, in characters. */
export const MAX_ENDPOINT_LENGTH = 2_000;

/** Ports below this one belong to services of the system, except those of HTTP. */
const FIRST_FREE_PORT = 1024;

export interface EndpointRules {
  /** WEBHOOK_ALLOW_PRIVATE: addresses of private networks are allowed, and `http` to them. */
  readonly allowPrivate: boolean;
}

/** Returns what is wrong with the URL of a webhook, as the words after "`url` ", or undefined. */
export function explainEndpoint(text: string, { allowPrivate }: EndpointRules): string | undefined {
  if (text.length > MAX_ENDPOINT_LENGTH) return `has at most ${MAX_ENDPOINT_LENGTH} characters`;
  // The parser drops them, so what is stored and shown would not be the address that is used.
  if (/[\s\p{C}]/u.test(text)) return "must have no blank, line break or control character";
  const url = URL.parse(text);
  if (url === null || url.hostname === "") return "must be a URL `https://host/path`";
  if (url.protocol !== "https:" && !(allowPrivate && url.protocol === "http:"))
    return "must begin with `https://`; with WEBHOOK_ALLOW_PRIVATE also with `http://`, for private addresses";
  // They would stand in logs and lists.
  if (url.username !== "" || url.password !== "") return "must not have a user or a password";
  if (url.hash !== "") return "must not have a fragment";
  const port = portOf(url);
  if (port < FIRST_FREE_PORT && port !== 80 && port !== 443)
    return `must have the port 80, 443, or one from ${FIRST_FREE_PORT} on`;
  return undefined;
}

/** Returns the port of an `http` or `https` URL. */
export function portOf({ port, protocol }: Pick<URL, "port" | "protocol">): number {
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}
