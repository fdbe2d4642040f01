import { randomBytes, randomUUID } from "node:crypto";
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileProblem, folderProblem } from "./data-folder.ts";
import type { Settings } from "./settings.ts";
import { GENERATE_SECRET_HINT, MIN_SECRET_BYTES } from "./signing-secret.ts";
import { storeKindOf } from "./store-kind.ts";

/** The signing key's text, whose UTF-8 bytes are the key, or one line with the reason why there is none. */
export type SecretKeyRead =
  | { readonly secret: string; readonly warning?: string }
  | { readonly problem: string };

/**
 * The key that signs tokens (SEC-T4): SECRET_KEY, or else the text in `<DATA_DIR>/secret.key`, which is
 * made from 32 random bytes when it is not there. The file holds what could stand in SECRET_KEY, so an operator who
 * moves to a second machine, or an application that signs its own tokens, can copy it. The folder must exist.
 *
 * With Redis it must be SECRET_KEY: each node would make a file of its own, and refuse what another has signed.
 */
export function readSecretKey(settings: KeySettings): SecretKeyRead {
  return read(settings, (path) => {
    createKeyFile(path);
    return readFileSync(path, "utf8");
  });
}

/**
 * The same key for a command beside a server, which makes none: a server that has its key from its own environment
 * would refuse what is signed with a new one.
 */
export function findSecretKey(settings: KeySettings): SecretKeyRead {
  if (settings.secretKey === undefined && keyFileOf(settings) === undefined)
    return { problem: "SECRET_KEY is not set here; give the one that the nodes on this Redis have." };
  return read(settings, (path) => ({
    problem: `SECRET_KEY is not set here, and ${resolve(path)} does not exist; give the server's SECRET_KEY.`,
  }));
}

/** Returns the path of the file for the key; undefined where several nodes share a store, and SECRET_KEY must be set. */
export function keyFileOf(
  settings: Pick<Settings, "dataDir"> & Partial<Pick<Settings, "redisHost" | "redisUrl">>,
): string | undefined {
  return storeKindOf(settings) === "embedded" ? join(settings.dataDir, KEY_FILE) : undefined;
}

const KEY_FILE = "secret.key";

type KeySettings = Pick<Settings, "secretKey" | "dataDir"> &
  Partial<Pick<Settings, "redisHost" | "redisUrl">>;

function read(
  settings: KeySettings,
  onMissing: (path: string) => string | { readonly problem: string },
): SecretKeyRead {
  const { secretKey, dataDir } = settings;
  if (secretKey !== undefined) return { secret: secretKey };
  const path = keyFileOf(settings);
  if (path === undefined) return { problem: missingProblem(dataDir) };
  try {
    const text = readIfThere(path) ?? onMissing(path);
    if (typeof text !== "string") return text;
    const secret = text.trim();
    if (Buffer.byteLength(secret) < MIN_SECRET_BYTES)
      return {
        problem: `The key in ${path} is damaged. Remove the file to make a new one; everybody must then sign in again.`,
      };
    return (statSync(path).mode & 0o077) === 0 ? { secret } : { secret, warning: exposureWarning(path) };
  } catch (error) {
    const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
    return { problem: isThere ? fileProblem(path, "read", error) : folderProblem(dataDir, error) };
  }
}

/** With a new key, all who were signed in to a store that was moved would be signed out. */
function missingProblem(dataDir: string): string {
  return `SECRET_KEY is missing: with Redis set it, the same on every node. After \`parley migrate\` take the one in ${join(dataDir, KEY_FILE)}; only for a new store make one with: ${GENERATE_SECRET_HINT}`;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Two starts at once must end with one key, and no reader may see half of one: the file is written whole under a name
 * of its own and then linked into place, which fails (EEXIST) for all but the first.
 */
function createKeyFile(path: string): void {
  const draft = `${path}.${randomUUID()}`;
  try {
    writeFileSync(draft, `${randomBytes(32).toString("base64")}\n`, { flag: "wx", mode: 0o600, flush: true });
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function exposureWarning(path: string): string {
  return `Other users of this machine can read ${path} and sign tokens with it. Run: chmod 600 ${path}`;
}
