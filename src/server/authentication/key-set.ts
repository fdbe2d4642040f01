import { importJWK } from "jose";
import {
  type KeySetTimes,
  keyName,
  keySetAction,
  type PublishedKey,
  usableKeys,
} from "../../core/access/key-set.ts";
import type { Emit } from "../../core/events/events.ts";
import { parseJsonObject } from "../../protocol/json.ts";
import { readBoundedText } from "../bounded-body.ts";
import { explainRequestError } from "../request-errors.ts";

/** The time limit for reading a whole key set, in milliseconds. */
const FETCH_TIMEOUT_MS = 5_000;

/** Largest key set that is read, in bytes. Large issuers publish some kilobytes. */
const MAX_KEY_SET_BYTES = 16 * 1024 * 1024;

const JSON_BOUNDS = { depth: 16, values: 1_000_000 };

/** The result of a key set for a token: the key, `none`, or `unavailable`, where it cannot be decided now. */
export type FoundKey = CryptoKey | "none" | "unavailable";

export interface KeySetOptions {
  /** Milliseconds; it MUST NOT jump. */
  readonly now?: () => number;
  /** The time limit for reading the whole set, in milliseconds. */
  readonly timeoutMs?: number;
  /** Called when the set becomes unavailable and when it is back. */
  readonly emit?: Emit | undefined;
}

/** The key set (JWKS) of another issuer, at the address in the settings, and never at an address from a token (SEC-T1). */
export class KeySet {
  private keys: ReadonlyMap<string, PublishedKey> = new Map();
  private imported = new Map<string, Promise<CryptoKey | undefined>>();
  private times: KeySetTimes = { readAt: undefined, failedAt: undefined };
  private reading: Promise<void> | undefined;

  private readonly now: () => number;
  private readonly timeoutMs: number;
  private readonly emit: KeySetOptions["emit"];

  constructor(
    private readonly url: URL,
    { now = () => performance.now(), timeoutMs = FETCH_TIMEOUT_MS, emit }: KeySetOptions = {},
  ) {
    this.now = now;
    this.timeoutMs = timeoutMs;
    this.emit = emit;
  }

  /** Finds the key called `kid` for `algorithm`; reads the set where that may help. Never rejects. */
  async find(kid: string, algorithm: string): Promise<FoundKey> {
    const name = keyName(kid, algorithm);
    for (let reads = 0; ; reads++) {
      const step = keySetAction(this.keys.has(name), this.times, this.now());
      if (step === "refuse") return "none";
      if (step === "unavailable") return step;
      if (step === "use") return (await this.importKey(name, algorithm)) ?? "none";
      // The set was just read for this token, so it is not read again.
      if (reads > 0) return "unavailable";
      this.reading ??= this.read().finally(() => {
        this.reading = undefined;
      });
      await this.reading;
    }
  }

  private importKey(name: string, algorithm: string): Promise<CryptoKey | undefined> {
    let key = this.imported.get(name);
    if (key === undefined) {
      // The key itself is invalid: a point that is not on its curve, or a malformed number.
      key = importJWK(this.keys.get(name)!, algorithm).then(
        (made) => (made instanceof Uint8Array ? undefined : made),
        () => undefined,
      );
      this.imported.set(name, key);
    }
    return key;
  }

  private async read(): Promise<void> {
    const { readAt, failedAt } = this.times;
    const wasUnavailable = failedAt !== undefined && failedAt > (readAt ?? Number.NEGATIVE_INFINITY);
    try {
      this.keys = usableKeys(await fetchKeys(this.url, this.timeoutMs));
      this.imported = new Map();
      this.times = { readAt: this.now(), failedAt: undefined };
      if (wasUnavailable) this.emit?.("key_set.recovered", { key_count: this.keys.size });
    } catch (error) {
      this.times = { readAt, failedAt: this.now() };
      if (!wasUnavailable)
        this.emit?.("key_set.unavailable", { url: this.url.origin, reason: explainRequestError(error) });
    }
  }
}

/** Reads the set; throws when that cannot be done in time, or when it is no key set. */
async function fetchKeys(url: URL, timeoutMs: number): Promise<readonly unknown[]> {
  const signal = AbortSignal.timeout(timeoutMs);
  // A redirect could lead to an address that only this machine reaches.
  const answer = await fetch(url, { signal, redirect: "error", headers: { Accept: "application/json" } });
  if (answer.status !== 200) {
    await answer.body?.cancel();
    throw new Error(`it was answered with status ${answer.status}`);
  }
  const text = await readBoundedText(answer, MAX_KEY_SET_BYTES, signal);
  const { value, error } = parseJsonObject(text, JSON_BOUNDS);
  if (error !== undefined || !Array.isArray(value.keys))
    throw new Error("the answer is no key set (RFC 7517)");
  return value.keys;
}
