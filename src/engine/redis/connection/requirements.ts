import type { Emit } from "../../../core/events/events.ts";
import { StoreMisconfigured } from "../start-step.ts";
import type { RedisClient } from "./client.ts";

/** The report of one primary. A value is undefined if this user may not read it. */
export interface RedisFacts {
  /** For example `7.0.15`; Valkey reports the version of Redis that it is compatible with. */
  readonly version: string | undefined;
  /** The policy for full memory, such as `noeviction`. */
  readonly eviction: string | undefined;
  readonly persistence: Persistence | undefined;
}

/** What Redis writes to disk: each write in an append-only file; all data from time to time, in a snapshot; nothing. */
export type Persistence = "append-only file" | "snapshots" | "nothing";

/** The reasons why Parley cannot use a Redis, and the warnings for its operator, in one line each. */
export interface RequirementsReport {
  readonly problems: readonly string[];
  readonly warnings: readonly Warning[];
}

export interface Warning {
  readonly event: "store.not_persistent" | "store.snapshots_only" | "store.eviction_unknown";
  readonly advice: string;
}

const MIN_VERSION = [6, 2] as const;

/** Finds problems and warnings in the reports of the primaries. */
export function evaluateRequirements(all: readonly RedisFacts[]): RequirementsReport {
  const problems = new Set<string>();
  for (const { version, eviction } of all) {
    if (version !== undefined && isOlder(version, MIN_VERSION))
      problems.add(`It is version ${version}, and Parley needs Redis 6.2 or newer, or Valkey.`);
    if (eviction !== undefined && eviction !== "noeviction")
      problems.add(
        `Its maxmemory-policy is ${eviction}, by which it throws away messages and quotas when its memory is full. Set it to noeviction, in its settings and now: redis-cli CONFIG SET maxmemory-policy noeviction`,
      );
  }
  const warnings: Warning[] = [];
  if (all.some(({ eviction }) => eviction === undefined))
    warnings.push({
      event: "store.eviction_unknown",
      advice: "This ACL user may not read maxmemory-policy. Make sure that it is noeviction.",
    });
  const persistence = persistenceWarning(new Set(all.map(({ persistence }) => persistence)));
  if (persistence !== undefined) warnings.push(persistence);
  return { problems: [...problems], warnings };
}

/** Returns the warning for the primary of a Cluster that keeps the least. */
function persistenceWarning(found: ReadonlySet<Persistence | undefined>): Warning | undefined {
  if (found.has("nothing"))
    return {
      event: "store.not_persistent",
      advice:
        "Redis writes nothing to disk: all messages, accounts and quotas are gone when it is restarted. Set appendonly yes.",
    };
  if (found.has("snapshots"))
    return {
      event: "store.snapshots_only",
      advice:
        "Redis writes snapshots only: when it crashes, what was acked since the last one is gone, with Redis's defaults up to an hour. Set appendonly yes.",
    };
  return undefined;
}

function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ofMajor = 0, ofMinor = 0] = version.split(".").map(Number);
  return ofMajor < major || (ofMajor === major && ofMinor < minor);
}

/** Reads the report of every primary. */
export async function readServerFacts({ primaries }: RedisClient): Promise<RedisFacts[]> {
  return Promise.all(
    primaries.map(async (primary) => {
      // A managed Redis may refuse either command, as may a Redis whose ACL gives this user few permissions.
      const [info, save] = await Promise.all([
        primary.info().catch(unlessRefused("")),
        (primary.config("GET", "save") as Promise<unknown>).catch(unlessRefused(undefined)),
      ]);
      const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, "m").exec(info)?.[1];
      const persistence = persistenceOf(field("aof_enabled"), saveTimesOf(save));
      return { version: field("redis_version"), eviction: field("maxmemory_policy"), persistence };
    }),
  );
}

/** Returns what Redis writes to disk by `aof_enabled` of INFO and its setting `save`; undefined where that is not known. */
export function persistenceOf(
  appendOnly: string | undefined,
  saveTimes: string | undefined,
): Persistence | undefined {
  if (appendOnly === "1") return "append-only file";
  if (appendOnly === undefined || saveTimes === undefined) return undefined;
  return saveTimes === "" ? "nothing" : "snapshots";
}

/** CONFIG GET returns a list of name and value, or a map of them (RESP 3). */
function saveTimesOf(answer: unknown): string | undefined {
  if (answer === undefined) return undefined;
  const value = Array.isArray(answer) ? answer[1] : (answer as Record<string, unknown>).save;
  return typeof value === "string" ? value : undefined;
}

function unlessRefused<T>(otherwise: T): (error: unknown) => T {
  return (error) => {
    if (/NOPERM|unknown command|not allowed|ERR /i.test(String(error))) return otherwise;
    throw error;
  };
}

/**
 * Throws StoreMisconfigured if Redis is configured so that acknowledged messages could be lost, and logs warnings for smaller
 * problems. Checks again each time Redis was unavailable, because another server may have become primary. A problem that is found
 * then is logged only; no connection is closed.
 */
export async function checkRequirements(client: RedisClient, emit: Emit): Promise<void> {
  const { problems, warnings } = evaluateRequirements(await readServerFacts(client));
  if (problems.length > 0)
    throw new StoreMisconfigured(`${client.description} cannot be used. ${problems.join(" ")}`);
  for (const { event, advice } of warnings) emit(event, { store: client.description, advice });
  client.watchReady(async (ready) => {
    if (!ready) return;
    try {
      const { problems } = evaluateRequirements(await readServerFacts(client));
      if (problems.length > 0) emit("store.misconfigured", { store: client.description, problems });
    } catch {
      // Redis is unavailable again, which the client has logged.
    }
  });
}
