// Another issuer's key set (JWKS, RFC 7517): which of its keys are used, and when the set is read. The set is on
// another machine, which may be unavailable, slow or wrong, and any client may send tokens with unknown key names.
// Times are in milliseconds.

/** How long a set is used without reading it again: a withdrawn key is refused after this at the latest. */
export const FRESH_MS = 600_000;

/**
 * How long a set is used while it cannot be read again. There must be a limit, since a key may have been withdrawn
 * meanwhile. An issuer that cannot publish its keys for this long can hardly sign tokens either.
 */
export const MAX_AGE_MS = 3_600_000;

/** A set is read again for an unknown key after this time at the earliest, for all clients together. */
const REFETCH_INTERVAL_MS = 15_000;

/** After a failure the set is read again after this time at the earliest. */
export const RETRY_AFTER_FAILURE_MS = 5_000;

/** When the set was read, and when reading it failed last; undefined for never. */
export interface KeySetTimes {
  readonly readAt: number | undefined;
  readonly failedAt: number | undefined;
}

/** The step for a token whose key is, or is not, in the set as it was last read. */
export type KeySetAction = "use" | "read" | "refuse" | "unavailable";

/**
 * Decides about one token: `use` the known key, `refuse` the token because the set does not have its key, `read` the set
 * first, or `unavailable`: the token can be neither accepted nor refused now.
 */
export function keySetAction(isKnown: boolean, { readAt, failedAt }: KeySetTimes, now: number): KeySetAction {
  const hasFailed = failedAt !== undefined && (readAt === undefined || failedAt >= readAt);
  const pauses = hasFailed && now < failedAt + RETRY_AFTER_FAILURE_MS;
  if (readAt === undefined || now >= readAt + MAX_AGE_MS) return pauses ? "unavailable" : "read";
  if (now >= readAt + FRESH_MS) {
    if (!pauses) return "read";
    return isKnown ? "use" : "unavailable";
  }
  if (isKnown) return "use";
  // It may be a new key of the issuer, or an invented name.
  if (hasFailed) return pauses ? "unavailable" : "read";
  return now < readAt + REFETCH_INTERVAL_MS ? "refuse" : "read";
}

/** A key as a set publishes it; nothing in it is checked. */
export type PublishedKey = Readonly<Record<string, unknown>>;

/** The smallest and largest size of an RSA key, in bits (RFC 7518 §3.3). Signatures of larger keys take too long to check. */
const RSA_BITS = { min: 2048, max: 8192 };

/** A key's declared algorithm, for the accepted types; the first one is the default. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  RSA: ["RS256", "PS256"],
  "EC P-256": ["ES256"],
  "OKP Ed25519": ["EdDSA"],
};

/**
 * The one algorithm that a published key may check signatures by (SEC-T1); undefined for a key that is not used: it is
 * symmetric, private, for encryption, too weak, on another curve, or has no name.
 */
export function algorithmOf(key: PublishedKey): string | undefined {
  const { kty, crv, alg, use, key_ops: operations, kid, n, d, k } = key;
  if (typeof kid !== "string" || typeof kty !== "string" || d !== undefined || k !== undefined)
    return undefined;
  if (use !== undefined && use !== "sig") return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify")))
    return undefined;
  if (kty === "RSA") {
    const bits = typeof n === "string" ? bitsOf(n) : 0;
    if (bits < RSA_BITS.min || bits > RSA_BITS.max) return undefined;
  }
  const type = kty === "RSA" ? kty : `${kty} ${crv}`;
  const accepted = Object.hasOwn(ALGORITHMS, type) ? ALGORITHMS[type]! : [];
  return alg === undefined ? accepted[0] : accepted.find((each) => each === alg);
}

/** How many bits a number in base64url has (RFC 7518 §2); 0 where it is none. */
function bitsOf(base64url: string): number {
  if (!/^[A-Za-z0-9_-]+$/.test(base64url)) return 0;
  const zeros = base64url.search(/[^A]/);
  if (zeros < 0) return 0;
  const digit = DIGITS.indexOf(base64url[zeros]!);
  const unused = zeros * 6 + Math.clz32(digit) - 26;
  return Math.floor((base64url.length * 6) / 8) * 8 - unused;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/**
 * The usable keys, by name and algorithm. Two with the same name and algorithm are both dropped: it is unclear which
 * one is meant.
 */
export function usableKeys(keys: readonly unknown[]): ReadonlyMap<string, PublishedKey> {
  const usable = new Map<string, PublishedKey | undefined>();
  for (const key of keys) {
    if (typeof key !== "object" || key === null) continue;
    const algorithm = algorithmOf(key as PublishedKey);
    if (algorithm === undefined) continue;
    const name = keyName((key as PublishedKey).kid as string, algorithm);
    usable.set(name, usable.has(name) ? undefined : (key as PublishedKey));
  }
  return new Map([...usable].flatMap(([name, key]) => (key === undefined ? [] : [[name, key] as const])));
}

/** The name of a key in `usableKeys`. */
export function keyName(kid: string, algorithm: string): string {
  return `${algorithm} ${kid}`;
}
