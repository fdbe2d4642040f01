// Signatures of requests that Parley sends to an operator's server, by Standard Webhooks
// (https://www.standardwebhooks.com): webhooks and questions of approval.
import { createHmac, randomBytes } from "node:crypto";

/** What is signed: the three parts of one request. */
export interface SignedParts {
  /** Names the message; the same for each attempt to deliver it. Without a dot, which separates the parts. */
  readonly id: string;
  /** When it is sent, in milliseconds since 1970. */
  readonly at: number;
  /** The body of the request, as it is sent. */
  readonly body: string;
}

/** Fewest and most bytes of a key, by Standard Webhooks. */
export const MIN_KEY_BYTES = 24;
export const MAX_KEY_BYTES = 64;

const SECRET_PREFIX = "whsec_";

/** Makes a secret, `whsec_` and 32 random bytes in base64. */
export function makeWebhookSecret(): string {
  return SECRET_PREFIX + randomBytes(32).toString("base64");
}

/** The key in a secret `whsec_<base64>`; undefined where it is not one, or its key has not 24–64 bytes. */
export function webhookKeyOf(secret: string): Buffer | undefined {
  if (!secret.startsWith(SECRET_PREFIX)) return undefined;
  const text = secret.slice(SECRET_PREFIX.length);
  const key = Buffer.from(text, "base64");
  // `Buffer.from` skips what is not base64: a mistyped secret would become another key.
  const isCanonical = key.toString("base64").replace(/=+$/, "") === text.replace(/=+$/, "");
  return isCanonical && key.length >= MIN_KEY_BYTES && key.length <= MAX_KEY_BYTES ? key : undefined;
}

/**
 * The header fields `webhook-id`, `webhook-timestamp` (in seconds) and `webhook-signature` of a request. While a secret is
 * replaced by another one, both keys sign.
 */
export function signWebhook({ id, at, body }: SignedParts, keys: readonly Uint8Array[]) {
  const timestamp = String(Math.floor(at / 1000));
  const signatures = keys.map(
    (key) => `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`,
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}
