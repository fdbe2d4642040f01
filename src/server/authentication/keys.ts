import { timingSafeEqual } from "node:crypto";
import type { Emit } from "../../core/events/events.ts";
import { KeySet } from "./key-set.ts";
import { VerifiedTokens } from "./verified-tokens.ts";

export interface KeySettings {
  readonly tokenIssuer: string;
  readonly tokenAudience: string;
  /** Seconds. */
  readonly tokenLifetime: number;
  /** Seconds. */
  readonly tokenLeeway: number;
  readonly secretKeyPrevious?: string | undefined;
  /** URL of another issuer's key set (JWKS). */
  readonly tokenKeySet?: string | undefined;
}

/** The keys that sign and verify tokens, and the required claims. */
export interface TokenKeys {
  readonly issuer: string;
  readonly audience: string;
  /** Lifetime of the tokens we sign, in seconds. */
  readonly lifetime: number;
  /** How far another issuer's clock may be off, in seconds. */
  readonly leeway: number;
  /** HS256 with SECRET_KEY. */
  readonly signing: CryptoKey;
  /** Tokens with a valid signature of SECRET_KEY. Not those of a key set, whose keys may be withdrawn. */
  readonly verified: VerifiedTokens;
  /** Returns whether `signature` of the text `signed` is by SECRET_KEY or SECRET_KEY_PREVIOUS (HS256, RFC 7518 §3.2). */
  signedWithSecret(signed: string, signature: Uint8Array): boolean;
  /** The other issuer's keys; undefined if none is set. */
  readonly keySet: KeySet | undefined;
}

/** The algorithm for tokens signed with SECRET_KEY, by this server and by applications that have the key. */
export const SHARED_ALGORITHM = "HS256";

/**
 * The algorithms accepted for tokens of another issuer; all others, such as `none`, are refused. HS256 is not in the list: an
 * attacker could sign a token with HS256 and the public key as its secret (RFC 8725 §2.1).
 */
export const KEY_SET_ALGORITHMS: ReadonlySet<string> = new Set(["RS256", "PS256", "ES256", "EdDSA"]);

/**
 * Creates the keys from SECRET_KEY, as the UTF-8 bytes of its text; applications must use the same bytes. SECRET_KEY_PREVIOUS
 * only verifies (SEC-T4). `emit` gets an event when the other issuer's key set cannot be read.
 */
export async function createKeys(settings: KeySettings, secret: string, emit?: Emit): Promise<TokenKeys> {
  const signing = await importSecret(secret);
  const secrets = [secret, settings.secretKeyPrevious].filter((each) => each !== undefined).map(hmacWith);
  return {
    issuer: settings.tokenIssuer,
    audience: settings.tokenAudience,
    lifetime: settings.tokenLifetime,
    leeway: settings.tokenLeeway,
    signing,
    verified: new VerifiedTokens(),
    signedWithSecret: (signed, signature) => secrets.some((hmac) => isSame(signature, hmac(signed))),
    keySet:
      settings.tokenKeySet === undefined ? undefined : new KeySet(new URL(settings.tokenKeySet), { emit }),
  };
}

/** Uses the runtime's hasher, which takes half the time of Node's. Each call copies a hasher that has processed the key already. */
function hmacWith(secret: string): (text: string) => Uint8Array {
  const keyed = new Bun.CryptoHasher("sha256", secret);
  return (text) => keyed.copy().update(text).digest();
}

function isSame(signature: Uint8Array, expected: Uint8Array): boolean {
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}

/** Imports the secret once. From bytes or a KeyObject the library would import it for each token, which takes half as long as the rest. */
function importSecret(secret: string): Promise<CryptoKey> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", Buffer.from(secret), algorithm, false, ["sign"]);
}
