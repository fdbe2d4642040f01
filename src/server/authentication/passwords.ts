import { availableParallelism } from "node:os";
import { ConcurrencyLimiter } from "../concurrency-limiter.ts";

/** Shortest password a person may choose, in characters (NIST SP 800-63B asks for 8). */
export const MIN_PASSWORD_CHARACTERS = 8;

/** bcrypt reads 72 bytes. Longer ones are refused, never cut: two passwords must not open the same account. */
export const MAX_PASSWORD_BYTES = 72;

export interface PasswordOptions {
  /** Cost of new hashes; each step doubles the time. */
  readonly cost: number;
  /** How many may wait for a permit; more get `busy`. */
  readonly queue: number;
  /** How many are hashed at a time. Default: one core is left to the conversations, but at least one is used. */
  readonly concurrency?: number;
}

/** bcrypt as the runtime has it, off the event loop. A parameter, so that a test can count the work that is done (SEC-S2). */
export interface Bcrypt {
  hash(password: string, cost: number): Promise<string>;
  verify(password: string, hash: string): Promise<boolean>;
}

export type HashResult = { readonly outcome: "hashed"; readonly hash: string } | { readonly outcome: "busy" };
export type VerifyResult =
  /** `outdated`: the hash should be renewed while the password is available. */
  { readonly outcome: "right"; readonly outdated: boolean } | { readonly outcome: "wrong" | "busy" };

export interface Passwords {
  /** Hashes a password that `checkNewPassword` has passed, in its prepared form. */
  hash(password: string): Promise<HashResult>;
  /**
   * Compares a password with an account's hash, or, for an account that does not exist, with nothing at the same cost
   * (SEC-S2). A hash that is not bcrypt is answered `wrong`.
   */
  verify(password: string, hash: string | undefined): Promise<VerifyResult>;
}

/** The checking of passwords: bcrypt, a few at a time, with a bounded queue (SEC-S1). */
export function createPasswords(options: PasswordOptions, bcrypt: Bcrypt = RUNTIME_BCRYPT): Passwords {
  const { cost, queue, concurrency = Math.max(1, availableParallelism() - 1) } = options;
  const limiter = new ConcurrencyLimiter({ permits: concurrency, maxWaiting: queue });

  async function compare(password: string, hash: string | undefined): Promise<VerifyResult> {
    const usable = hash !== undefined && bcryptCost(hash) !== undefined ? hash : undefined;
    const prepared = preparePassword(password);
    // A hash from before passwords were normalized is of the text as typed. The same text signs in once more with it.
    for (const form of new Set([prepared, password]))
      if (await isRight(form, usable))
        return { outcome: "right", outdated: form !== prepared || isCheap(usable!) };
    return { outcome: "wrong" };
  }

  async function isRight(password: string, hash: string | undefined): Promise<boolean> {
    if (hash === undefined || !isComparable(password)) {
      await bcrypt.verify(password.slice(0, MIN_PASSWORD_CHARACTERS), decoy(cost));
      return false;
    }
    const right = await bcrypt.verify(password, hash);
    // A lower cost is faster than the comparison for an unknown user, and would reveal the difference. Each cost is
    // twice the one before, so that 10 + 10 + 11 is as much work as 12.
    if (!right) for (let k = bcryptCost(hash)!; k < cost; k++) await bcrypt.verify(password, decoy(k));
    return right;
  }

  const isCheap = (hash: string) => (bcryptCost(hash) ?? cost) < cost;

  return {
    async hash(password) {
      const result = await limiter.run(() => bcrypt.hash(preparePassword(password), cost));
      return result.outcome === "busy" ? result : { outcome: "hashed", hash: result.value };
    },
    async verify(password, hash) {
      const result = await limiter.run(() => compare(password, hash));
      return result.outcome === "busy" ? result : result.value;
    },
  };
}

/** Returns whether a user may choose `password`, and if not, why. */
export function checkNewPassword(
  password: string,
): { readonly ok: true } | { readonly ok: false; readonly reason: string } {
  const prepared = preparePassword(password);
  const characters = [...prepared].length;
  const bytes = Buffer.byteLength(prepared);
  if (/\p{Cc}/u.test(prepared)) return refused("it has a control character in it");
  if (!prepared.isWellFormed()) return refused("it has half of a character in it");
  if (characters < MIN_PASSWORD_CHARACTERS)
    return refused(`it has ${characters} characters, and needs at least ${MIN_PASSWORD_CHARACTERS}`);
  if (bytes > MAX_PASSWORD_BYTES)
    return refused(
      `it has ${bytes} bytes in UTF-8, and bcrypt takes at most ${MAX_PASSWORD_BYTES}; shorten it`,
    );
  return { ok: true };
}

/**
 * A password as it is hashed: composed (NFC), and with plain spaces, as RFC 8265 §4.2 (OpaqueString) has it. One keyboard
 * writes `é` as one character and another as two, and both are the same password.
 */
export function preparePassword(password: string): string {
  return password.replace(/\p{Zs}/gu, " ").normalize("NFC");
}

/**
 * Returns whether bcrypt compares the whole password, so that no other password opens the account. The runtime hashes a
 * password of more than 72 bytes with SHA-512 first. At a NUL bcrypt starts again with the first byte, so that `p` and
 * `p\\0p` have the same hash.
 */
function isComparable(password: string): boolean {
  // Every unpaired surrogate is encoded as U+FFFD, so that passwords with different ones would be equal.
  return (
    Buffer.byteLength(password) <= MAX_PASSWORD_BYTES && !password.includes("\0") && password.isWellFormed()
  );
}

function refused(why: string): { ok: false; reason: string } {
  return { ok: false, reason: `The password cannot be used: ${why}.` };
}

/** The cost in a bcrypt hash in modular crypt format; undefined for anything else. */
export function bcryptCost(hash: string): number | undefined {
  const cost = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)?.[1];
  return cost === undefined ? undefined : Number(cost);
}

/** Salt and digest of no password: comparing with it is well-formed work that always ends in `wrong`. */
const DECOY = `${"NobodyHasThisPassword".padEnd(22, "u")}${"NorCouldAnybodyEverFindOne".padEnd(31, "u")}`;

function decoy(cost: number): string {
  return `$2b$${String(cost).padStart(2, "0")}$${DECOY}`;
}

const RUNTIME_BCRYPT: Bcrypt = {
  hash: (password, cost) => Bun.password.hash(password, { algorithm: "bcrypt", cost }),
  verify: (password, hash) => Bun.password.verify(password, hash, "bcrypt"),
};
