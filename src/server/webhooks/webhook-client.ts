import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { AttemptResult } from "../../core/webhooks/attempt.ts";
import { type EndpointRules, explainEndpoint } from "../../core/webhooks/endpoint.ts";
import { explainRequestCode } from "../request-errors.ts";
import { placeOf } from "./public-address.ts";
import { signWebhook, webhookKeyOf } from "./signature.ts";

/** The time limit for a request: name, connection and status, in milliseconds. */
export const DELIVERY_TIMEOUT_MS = 15_000;

/** How much of an answer's body is read, so that the connection can be used again, and for how long. Nothing in it counts. */
const MAX_ANSWER_BYTES = 16 * 1024;
const ANSWER_BODY_TIMEOUT_MS = 1_000;

/** How many addresses of a name are tried. */
const MAX_ADDRESSES = 4;

export interface WebhookClientOptions {
  /** WEBHOOK_ALLOW_PRIVATE. */
  readonly allowPrivate: boolean;
  readonly version: string;
  /** In milliseconds; without it DELIVERY_TIMEOUT_MS. */
  readonly timeoutMs?: number;
  /** Returns the addresses of a name; without it, those that the system finds. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** Certificates (PEM) that vouch for receivers; without them, those that the system trusts. */
  readonly ca?: string;
}

export interface Delivery {
  readonly url: string;
  /** The `webhook-id`. */
  readonly id: string;
  readonly body: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** `whsec_…`, newest first. */
  readonly secrets: readonly string[];
}

/** Sends events to webhooks: one try, within the time limit, and only to addresses that are allowed. */
export class WebhookClient {
  constructor(private readonly options: WebhookClientOptions) {}

  /** Returns what came of it. Rejects only when `signal` aborts. */
  async send(delivery: Delivery, signal: AbortSignal): Promise<AttemptResult> {
    const { timeoutMs = DELIVERY_TIMEOUT_MS } = this.options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const ended = AbortSignal.any([signal, timeout]);
    try {
      return await this.request(delivery, ended);
    } catch (error) {
      signal.throwIfAborted();
      if (timeout.aborted) return { error: `no answer within ${timeoutMs / 1000} s` };
      return { error: explain(error) };
    }
  }

  private async request(delivery: Delivery, signal: AbortSignal): Promise<AttemptResult> {
    const url = new URL(delivery.url);
    const addresses = await this.addressesOf(url, signal);
    const refused = addresses.map((address) => this.explainAddress(url, address)).find(Boolean);
    if (refused !== undefined) return { error: refused };
    for (const [index, address] of addresses.entries())
      try {
        return await this.post(url, address, delivery, signal);
      } catch (error) {
        if (signal.aborted || index === addresses.length - 1) throw error;
      }
    return { error: "its name has no address" };
  }

  private async addressesOf({ hostname }: URL, signal: AbortSignal): Promise<readonly string[]> {
    const name = bareHost(hostname);
    if (isIP(name) !== 0) return [name];
    const { resolve = resolveBySystem } = this.options;
    return (await orAborted(resolve(name), signal)).slice(0, MAX_ADDRESSES);
  }

  /** Returns why a request does not go to this address, or undefined. */
  private explainAddress(url: URL, address: string): string | undefined {
    return explainAddress(url, address, this.options);
  }

  /**
   * Sends to the address that was checked. If the runtime looked the name up again, an attacker's name server could answer
   * otherwise (DNS rebinding). The certificate is checked against the name.
   */
  private async post(
    url: URL,
    address: string,
    { id, at, body, secrets }: Delivery,
    signal: AbortSignal,
  ): Promise<AttemptResult> {
    const keys = secrets.flatMap((secret) => webhookKeyOf(secret) ?? []);
    const target = new URL(url);
    target.hostname = address.includes(":") ? `[${address}]` : address;
    const name = bareHost(url.hostname);
    const { version, ca } = this.options;
    const answer = await fetch(target, {
      method: "POST",
      body,
      signal,
      redirect: "manual",
      decompress: false,
      ...(url.protocol === "https:" && {
        tls: { ...(isIP(name) === 0 && { serverName: name }), ...(ca !== undefined && { ca }) },
      }),
      headers: {
        Host: url.host,
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": `parley/${version}`,
        ...signWebhook({ id, at, body }, keys),
      },
    } as BunFetchRequestInit);
    const retryAfter = answer.headers.get("retry-after");
    await readSome(answer, signal);
    return { status: answer.status, ...(retryAfter !== null && { retryAfter }) };
  }
}

/** Returns what is wrong with the URL of a webhook, as the words after "`url` ", or undefined. Names are not resolved. */
export function explainWebhookUrl(text: string, rules: EndpointRules): string | undefined {
  const wrong = explainEndpoint(text, rules);
  if (wrong !== undefined) return wrong;
  const url = new URL(text);
  const host = bareHost(url.hostname);
  const refused = isIP(host) === 0 ? undefined : explainAddress(url, host, rules);
  return refused === undefined ? undefined : `is refused: ${refused}`;
}

/** Returns why a request to a URL does not go to this address of it, or undefined. */
function explainAddress(
  { protocol }: Pick<URL, "protocol">,
  address: string,
  { allowPrivate }: EndpointRules,
): string | undefined {
  const place = placeOf(address);
  if (place === "unusable") return `its address ${address} is not one of a single machine`;
  if (place === "private" && !allowPrivate)
    return `its address ${address} is private, which needs WEBHOOK_ALLOW_PRIVATE`;
  if (place === "public" && protocol === "http:")
    return `its address ${address} is public, which needs https`;
  return undefined;
}

async function resolveBySystem(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

/** The name or address of a URL's host, without the brackets of an IPv6 address. */
function bareHost(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/** Rejects when `signal` aborts, also where it has before. What comes of `work` after that is ignored, and has a handler. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

/** Reads a short body to its end, for the connection's sake, and ends the connection of any other. The status counts already. */
async function readSome(answer: Response, signal: AbortSignal): Promise<void> {
  const reader = answer.body?.getReader();
  if (reader === undefined) return;
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), ANSWER_BODY_TIMEOUT_MS);
  try {
    for (let bytes = 0; bytes <= MAX_ANSWER_BYTES; ) {
      const { done, value } = await orAborted(reader.read(), signal);
      if (done) return;
      bytes += value.length;
    }
  } catch {
    // The status counts, however the body ends.
  } finally {
    clearTimeout(timer);
    void reader.cancel().catch(() => {});
  }
}

/** A reason in plain words that holds no part of the URL: its path may be a secret of the receiver. */
function explain(error: unknown): string {
  return explainRequestCode(error as object) ?? "it could not be sent";
}
