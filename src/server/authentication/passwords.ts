import { availableParallelism } from "node:os";
import { ConcurrencyLimiter } from "../concurrency-limiter.ts";

/** The shortest password that a user may choose, in characters (NIST SP 800-63B requires 8). */
export const MIN_PASSWORD_CHARACTERS = 8;

/** bcrypt reads 72 bytes. Longer passwords are refused and not cut: two passwords must not open the same account. */
export const MAX_PASSWORD_BYTES = 72;

export interface PasswordOptions {
  /** Cost of new hashes; each step doubles the time. */
  readonly cost: number;
  /** The most requests that wait for a permit; further ones get `busy`. */
  readonly queue: number;
  /** The number of passwords hashed at a time. Default: the number of cores less one for the event loop, but at least one. */
  readonly concurrency?: number;
}

/** The runtime's bcrypt, which does not run on the event loop. It is a parameter, so that a test can count the work (SEC-S2). */
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
   * Compares a password with an account's hash. For an account that does not exist it does the same work and returns `wrong`
   * (SEC-S2). Returns `wrong` also for a hash that is not bcrypt.
   */
  verify(password: string, hash: string | undefined): Promise<VerifyResult>;
}

/** Creates the password check: bcrypt, a few at a time, with a bounded queue (SEC-S1). */
export function createPasswords(options: PasswordOptions, bcrypt: Bcrypt = RUNTIME_BCRYPT): Passwords {
  const { cost, queue, concurrency = Math.max(1, availableParallelism() - 1) } = options;
  const limiter = new ConcurrencyLimiter({ permits: concurrency, maxWaiting: queue });

  async function compare(password: string, hash: string | undefined): Promise<VerifyResult> {
    const usable = hash !== undefined && bcryptCost(hash) !== undefined ? hash : undefined;
    const prepared = preparePassword(password);
    // An old hash may be of the password as it was typed, from before passwords were normalized. So both forms are compared.
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
    // A hash of a lower cost is compared faster than that for an unknown user, which would reveal that the account exists.
    // So the missing work is added: each cost step doubles the work, so 10 + 10 + 11 is as much as 12.
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
 * Returns the form of a password that is hashed: composed (NFC) and with plain spaces (RFC 8265 §4.2, OpaqueString). Some
 * keyboards write `é` as one character and others as two; both must be the same password.
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

/** Returns the cost of a bcrypt hash in modular crypt format; undefined for any other text. */
export function bcryptCost(hash: string): number | undefined {
  const cost = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)?.[1];
  return cost === undefined ? undefined : Number(cost);
}

/** A well-formed salt and digest that no password has. A comparison takes the normal time and always returns `wrong`. */
const DECOY = `${"NobodyHasThisPassword".padEnd(22, "u")}${"NorCouldAnybodyEverFindOne".padEnd(31, "u")}`;

function decoy(cost: number): string {
  return `$2b$${String(cost).padStart(2, "0")}$${DECOY}`;
}

const RUNTIME_BCRYPT: Bcrypt = {
  hash: (password, cost) => Bun.password.hash(password, { algorithm: "bcrypt", cost }),
  verify: (password, hash) => Bun.password.verify(password, hash, "bcrypt"),
};
