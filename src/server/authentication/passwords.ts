import { availableParallelism } from "node:os";
import { Turnstile } from "./turnstile.ts";

/** Shortest password a person may choose, in characters (NIST SP 800-63B asks for 8). */
export const MIN_PASSWORD_CHARACTERS = 8;

/** bcrypt reads 72 bytes. Longer ones are refused, never cut: two passwords must not open the same account. */
export const MAX_PASSWORD_BYTES = 72;

export interface PasswordOptions {
  /** Cost of new hashes; each step doubles the time. */
  readonly cost: number;
  /** How many may wait for their turn; more are answered `busy`. */
  readonly queue: number;
  /** How many are hashed at a time. Default: one core is left to the conversations, but at least one is used. */
  readonly concurrency?: number;
}

/** bcrypt as the runtime has it, off the event loop. A parameter, so that a test can count the work that is done (S2). */
export interface Bcrypt {
  hash(password: string, cost: number): Promise<string>;
  verify(password: string, hash: string): Promise<boolean>;
}

export type Hashing = { readonly outcome: "hashed"; readonly hash: string } | { readonly outcome: "busy" };
export type Verification = { readonly outcome: "right" | "wrong" | "busy" };

export interface Passwords {
  /** Hashes a password that `checkNewPassword` has passed. */
  hash(password: string): Promise<Hashing>;
  /**
   * Compares a password with an account's hash, or, for an account that does not exist, with nothing at the same cost
   * (S2). A hash that is not bcrypt is answered `wrong`.
   */
  verify(password: string, hash: string | undefined): Promise<Verification>;
  /** Whether `hash` was made at a lower cost than new ones are, and should be renewed while the password is at hand. */
  outdated(hash: string): boolean;
}

/** The checking of passwords: bcrypt, a few at a time, with a bounded queue (S1). */
export function createPasswords(options: PasswordOptions, bcrypt: Bcrypt = RUNTIME_BCRYPT): Passwords {
  const { cost, queue, concurrency = Math.max(1, availableParallelism() - 1) } = options;
  const turnstile = new Turnstile(concurrency, queue);

  async function compare(password: string, hash: string | undefined): Promise<boolean> {
    const usable = hash !== undefined && costOf(hash) !== undefined ? hash : undefined;
    // The runtime hashes a password over 72 bytes with SHA-512 first. None was ever set, so none can be right.
    const comparable = Buffer.byteLength(password) <= MAX_PASSWORD_BYTES;
    if (usable === undefined || !comparable) {
      await bcrypt.verify(password.slice(0, MIN_PASSWORD_CHARACTERS), decoy(cost));
      return false;
    }
    const right = await bcrypt.verify(password, usable);
    // An old, cheaper hash answers sooner than an unknown user's would, and that tells the two apart. Each cost is
    // twice the one before, so that 10 + 10 + 11 is as much work as 12.
    if (!right) for (let k = costOf(usable)!; k < cost; k++) await bcrypt.verify(password, decoy(k));
    return right;
  }

  return {
    async hash(password) {
      const passage = await turnstile.pass(() => bcrypt.hash(password, cost));
      return passage.outcome === "busy" ? passage : { outcome: "hashed", hash: passage.value };
    },
    async verify(password, hash) {
      const passage = await turnstile.pass(() => compare(password, hash));
      if (passage.outcome === "busy") return passage;
      return { outcome: passage.value ? "right" : "wrong" };
    },
    outdated: (hash) => (costOf(hash) ?? cost) < cost,
  };
}

/** Says whether a person may choose `password`, and if not, why. */
export function checkNewPassword(
  password: string,
): { readonly ok: true } | { readonly ok: false; readonly reason: string } {
  const characters = [...password].length;
  const bytes = Buffer.byteLength(password);
  if (characters < MIN_PASSWORD_CHARACTERS)
    return refused(`it has ${characters} characters, and needs at least ${MIN_PASSWORD_CHARACTERS}`);
  if (bytes > MAX_PASSWORD_BYTES)
    return refused(
      `it has ${bytes} bytes in UTF-8, and bcrypt takes at most ${MAX_PASSWORD_BYTES}; shorten it`,
    );
  return { ok: true };
}

function refused(why: string): { ok: false; reason: string } {
  return { ok: false, reason: `The password cannot be used: ${why}.` };
}

/** The cost in a bcrypt hash in modular crypt format; undefined for anything else. */
export function costOf(hash: string): number | undefined {
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
