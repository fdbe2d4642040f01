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
  /** Tokens signed with SECRET_KEY that were checked before. Those of a key set are not here: its keys may be withdrawn. */
  readonly verified: VerifiedTokens;
  /** Whether `signature` is that of SECRET_KEY, or of the key before, over the text `signed` (HS256, RFC 7518 §3.2). */
  signedWithSecret(signed: string, signature: Uint8Array): boolean;
  /** The other issuer's keys; undefined if none is set. */
  readonly keySet: KeySet | undefined;
}

/** The algorithm that signs our tokens and those of applications that hold SECRET_KEY. */
export const SHARED_ALGORITHM = "HS256";

/**
 * The algorithms accepted of another issuer. What is not listed, `none` for one, is refused. HS256 is not here: a public key
 * must not be offered to it, whose secret it would then be (RFC 8725 §2.1).
 */
export const KEY_SET_ALGORITHMS: ReadonlySet<string> = new Set(["RS256", "PS256", "ES256", "EdDSA"]);

/**
 * Makes the keys from SECRET_KEY: the UTF-8 bytes of its text, as applications use it too. The key before,
 * SECRET_KEY_PREVIOUS, only verifies (SEC-T4). `emit` gets an event when the other issuer's key set cannot be read.
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

/** The runtime's own: Node's, which is a stream as well, takes twice as long. A copy has the key worked in already. */
function hmacWith(secret: string): (text: string) => Uint8Array {
  const keyed = new Bun.CryptoHasher("sha256", secret);
  return (text) => keyed.copy().update(text).digest();
}

function isSame(signature: Uint8Array, expected: Uint8Array): boolean {
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}

/** Imported once: from bytes or a KeyObject, the library would do it again for each token, which costs half as much as all else. */
function importSecret(secret: string): Promise<CryptoKey> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", Buffer.from(secret), algorithm, false, ["sign"]);
}
