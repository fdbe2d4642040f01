import type { Emit } from "../../../core/events/events.ts";
import { isWrongType } from "./errors.ts";

/** The shortest time between two log lines, in milliseconds, because every call to a key of the wrong type fails. */
const LOG_INTERVAL_MS = 60_000;

/** The largest number of keys of a call whose types are read. */
const MAX_KEYS = 500;

/** The largest number of keys in a log line. */
const MAX_KEYS_LOGGED = 5;

/** The types of keys, by the ends of their names (keys.ts). */
const TYPES: readonly (readonly [RegExp, string])[] = [
  [/\}:c:.*:(meta|ids|marks|present)$/, "hash"],
  [/\}:c:.*:(log|copy)$/, "stream"],
  [/\}:u:.*:quota$/, "list"],
];

/** Logs the keys that have another type than Parley uses for them. */
export class WrongTypeReporter {
  private quietUntil = Number.NEGATIVE_INFINITY;

  /** `typeOf` reads the type of a key from Redis. */
  constructor(
    private readonly typeOf: (key: string) => Promise<string>,
    private readonly emit: Emit,
  ) {}

  /** If `error` is about a key of the wrong type, logs the keys of the call that have one. Redis does not name the key. */
  report(error: unknown): void {
    if (!isWrongType(error) || performance.now() < this.quietUntil) return;
    this.quietUntil = performance.now() + LOG_INTERVAL_MS;
    void this.logKeys(keysOf(error), String(error));
  }

  private async logKeys(keys: readonly string[], error: string): Promise<void> {
    const lookups = keys.map(async (key) => ({ key, type: await this.typeOf(key) }));
    // If Redis is unavailable now, the keys of the call are logged without their types.
    const types = await Promise.all(lookups).catch(() => []);
    const wrong = types.filter(hasWrongType).map(({ key, type }) => `${key} (${type})`);
    this.emit("store.wrong_type", {
      keys: (wrong.length > 0 ? wrong : keys).slice(0, MAX_KEYS_LOGGED).join(", "),
      error,
      advice:
        "Another program writes under Parley's prefix: remove or restore the key, and set REDIS_PREFIX to one that only Parley uses.",
    });
  }
}

function hasWrongType({ key, type }: { key: string; type: string }): boolean {
  if (type === "none") return false;
  const known = TYPES.find(([name]) => name.test(key));
  // For types that are not listed: keys that all nodes share may be strings, keys of a user or an address are not.
  return known === undefined ? type === "string" && !key.includes("{all}:") : type !== known[1];
}

/** Returns the keys of the refused command, which ioredis adds to the error. */
function keysOf(error: unknown): string[] {
  const { command } = error as { command?: { name?: string; args?: readonly unknown[] } };
  const args = (command?.args ?? []).map(String);
  const isScript = /^eval/i.test(command?.name ?? "");
  return (isScript ? args.slice(2, 2 + Number(args[1])) : args.slice(0, 1)).slice(0, MAX_KEYS);
}
