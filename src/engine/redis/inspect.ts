import type { Redis } from "ioredis";
import type { NodeEntry } from "../../core/nodes.ts";
import type { RedisClient } from "./connection/client.ts";
import { type ConnectOptions, connect } from "./connection/connect.ts";
import { evaluateRequirements, type RequirementsReport, readServerFacts } from "./connection/requirements.ts";
import { NodeRegistry } from "./presence/node-registry.ts";

/** What a command finds out about a Redis for a node. */
export interface RedisInspection {
  /** Redis without secrets: `Redis at 127.0.0.1:6379`. */
  readonly description: string;
  /** Whether a node would start on it. */
  readonly verdict: RequirementsReport;
  /** Of each primary that reports it: how full its memory is, 0–1 where it has a limit; how many replicas follow it. */
  readonly primaries: readonly {
    readonly fullness: number | undefined;
    readonly replicas: number | undefined;
  }[];
  /** The middle of some commands, in milliseconds. */
  readonly roundTrip: number;
  /** How far its clock is ahead of this machine's, in milliseconds, give or take half of `roundTrip`. */
  readonly ahead: number;
  /** The nodes that share it, also those whose lease has run out. */
  readonly nodes: readonly NodeEntry[];
  /** Redis's time, in milliseconds since 1970. */
  readonly now: number;
}

const CLOCK_SAMPLES = 5;

/** Looks at Redis and changes nothing but the key of the probe. Throws StoreUnavailable when that takes longer than `timeoutMs`. */
export async function inspectRedis(options: ConnectOptions): Promise<RedisInspection> {
  const client = await connect(options);
  try {
    const { roundTrip, ahead } = await compareClocks(client);
    const { nodes, now } = await NodeRegistry.read(client);
    return {
      description: client.description,
      verdict: evaluateRequirements(await readServerFacts(client)),
      primaries: await Promise.all(client.primaries.map(inspectPrimary)),
      roundTrip,
      ahead,
      nodes,
      now,
    };
  } finally {
    await client.close();
  }
}

/** The quickest of some replies is the most exact about the clock; the middle one shows how long a command takes. */
async function compareClocks(client: RedisClient): Promise<{ roundTrip: number; ahead: number }> {
  const [primary] = client.primaries;
  const seen: { took: number; ahead: number }[] = [];
  for (let i = 0; i < CLOCK_SAMPLES; i++) {
    const [started, wall] = [performance.now(), Date.now()];
    const [seconds, micros] = (await primary!.time()) as unknown as [string | number, string | number];
    const took = performance.now() - started;
    seen.push({ took, ahead: Number(seconds) * 1000 + Number(micros) / 1000 - (wall + took / 2) });
  }
  seen.sort((a, b) => a.took - b.took);
  return { roundTrip: seen[Math.floor(CLOCK_SAMPLES / 2)]!.took, ahead: seen[0]!.ahead };
}

async function inspectPrimary(primary: Redis): Promise<RedisInspection["primaries"][number]> {
  // A managed Redis, or an ACL user with few rights, may refuse it.
  const info = await primary.info().catch(() => "");
  const field = (name: string) => {
    const text = new RegExp(`^${name}:(\\d+)\r?$`, "m").exec(info)?.[1];
    return text === undefined ? undefined : Number(text);
  };
  const [used, most] = [field("used_memory"), field("maxmemory")];
  const fullness = used === undefined || !most ? undefined : used / most;
  return { fullness, replicas: field("connected_slaves") };
}
