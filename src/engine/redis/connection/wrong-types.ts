import type { Emit } from "../../../core/events/events.ts";
import { isWrongType } from "./errors.ts";

/** A key of the wrong type fails each call on it: one line in this many milliseconds is enough. */
const LOG_INTERVAL_MS = 60_000;

/** Most keys of a call whose types are asked for. */
const MAX_KEYS = 500;

/** Most keys in a line. */
const MAX_KEYS_LOGGED = 5;

/** What keys hold, by how their names end (keys.ts). */
const TYPES: readonly (readonly [RegExp, string])[] = [
  [/\}:c:.*:(meta|ids|marks|present)$/, "hash"],
  [/\}:c:.*:(log|copy)$/, "stream"],
  [/\}:u:.*:quota$/, "list"],
];

/** Logs the keys that hold another type than Parley keeps there. */
export class WrongTypeReporter {
  private quietUntil = Number.NEGATIVE_INFINITY;

  /** `typeOf` asks Redis for the type of a key. */
  constructor(
    private readonly typeOf: (key: string) => Promise<string>,
    private readonly emit: Emit,
  ) {}

  /** Logs which keys a call failed on, where that was why it failed. Redis itself does not name them. */
  report(error: unknown): void {
    if (!isWrongType(error) || performance.now() < this.quietUntil) return;
    this.quietUntil = performance.now() + LOG_INTERVAL_MS;
    void this.logKeys(keysOf(error), String(error));
  }

  private async logKeys(keys: readonly string[], error: string): Promise<void> {
    const lookups = keys.map(async (key) => ({ key, type: await this.typeOf(key) }));
    // Where Redis is away by now, the keys of the call are named without their types.
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
  // Where the type is not listed: the keys of all nodes may be strings, those of a user or an address are not.
  return known === undefined ? type === "string" && !key.includes("{all}:") : type !== known[1];
}

/** The keys of the command that Redis refused, as ioredis names it in the error. */
function keysOf(error: unknown): string[] {
  const { command } = error as { command?: { name?: string; args?: readonly unknown[] } };
  const args = (command?.args ?? []).map(String);
  const isScript = /^eval/i.test(command?.name ?? "");
  return (isScript ? args.slice(2, 2 + Number(args[1])) : args.slice(0, 1)).slice(0, MAX_KEYS);
}
