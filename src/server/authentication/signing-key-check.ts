import { createHmac } from "node:crypto";
import type { Emit } from "../../core/events/events.ts";
import type { SigningKeyStore } from "../../core/ports/store.ts";

/** A text that is no signed part of a token, because it has no dot: the digest of a key is not a signature of any token. */
const DIGEST_INPUT = "parley signing key";

/** Bytes of a digest. A reader of the store can try keys with it, as with any token, and SECRET_KEY cannot be guessed (SEC-T4). */
const DIGEST_BYTES = 16;

/** Returns the digest of a key by which the store names it. */
export function signingKeyDigest(secret: string): string {
  return createHmac("sha256", secret).update(DIGEST_INPUT).digest().subarray(0, DIGEST_BYTES).toString("hex");
}

/** The keys of a server: the one that signs, and the one before it that it still accepts. */
export interface ServerKeys {
  readonly secret: string;
  readonly previous?: string | undefined;
}

/**
 * Writes at a start which keys this server accepts, for commands and other nodes. Logs a warning if it accepts none of the keys
 * of the server that started before it on this store: each then refuses the tokens of the other.
 */
export async function recordSigningKeys(
  { secret, previous }: ServerKeys,
  { signingKeys, emit }: { signingKeys: SigningKeyStore; emit: Emit },
): Promise<void> {
  const own = [secret, ...(previous === undefined ? [] : [previous])].map(signingKeyDigest);
  const before = await signingKeys.read();
  if (before.join() === own.join()) return;
  if (before.length > 0 && !own.some((digest) => before.includes(digest)))
    emit("secret_key.changed", {
      advice:
        "The server that started before on this store had another SECRET_KEY, whose tokens are refused here. Give all nodes the same key, or set SECRET_KEY_PREVIOUS to the former one until its tokens have expired.",
    });
  await signingKeys.write(own);
}

/** Whether a server that wrote `digests` accepts a token signed with `secret`. True without digests: no server has run on the store. */
export function isAcceptedKey(digests: readonly string[], secret: string): boolean {
  return digests.length === 0 || digests.includes(signingKeyDigest(secret));
}
