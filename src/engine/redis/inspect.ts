import type { Redis } from "ioredis";
import type { FeedStanding } from "../../core/feed/standing.ts";
import type { NodeEntry } from "../../core/nodes.ts";
import { standingOf, type WebhookStanding } from "../../core/webhooks/standing.ts";
import { RedisSigningKeys } from "./accounts/signing-keys.ts";
import { type ErasureFacts, readErasures } from "./changes/file-rewriter.ts";
import type { RedisClient } from "./connection/client.ts";
import { type ConnectOptions, connect } from "./connection/connect.ts";
import { evaluateRequirements, type RequirementsReport, readServerFacts } from "./connection/requirements.ts";
import { EventStreams } from "./feed/event-streams.ts";
import { readWebhooks } from "./feed/webhooks.ts";
import { NodeRegistry } from "./presence/node-registry.ts";

/** The state of a Redis, as a command reports it. */
export interface RedisInspection {
  /** The address without user and password: `Redis at 127.0.0.1:6379`. */
  readonly description: string;
  /** Whether a node can start on it. */
  readonly verdict: RequirementsReport;
  /** For each primary that reports it: the used share of its memory (0–1), if it has a limit, and the number of its replicas. */
  readonly primaries: readonly {
    readonly fullness: number | undefined;
    readonly replicas: number | undefined;
  }[];
  /** The median time of several commands, in milliseconds. */
  readonly roundTrip: number;
  /** How far its clock is ahead of this machine's, in milliseconds; exact to half of `roundTrip`. */
  readonly ahead: number;
  /** The nodes that share it, including those with an expired lease. */
  readonly nodes: readonly NodeEntry[];
  readonly erasures: ErasureFacts;
  /** Digests of the keys that the node which started last accepts; none if no node has started. */
  readonly signingKeys: readonly string[];
  /** Or why it cannot be read. */
  readonly feed: FeedStanding | { readonly error: string };
  readonly webhooks: readonly WebhookStanding[];
  /** The time of Redis, in milliseconds since 1970. */
  readonly now: number;
}

const CLOCK_SAMPLES = 5;

/** Inspects Redis. Changes nothing but the key of the probe. Throws StoreUnavailable if that takes longer than `timeoutMs`. */
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
      erasures: await readErasures(client),
      signingKeys: await new RedisSigningKeys(client).read(),
      feed: await new EventStreams(client).standing().catch(({ message }: Error) => ({ error: message })),
      webhooks: (await readWebhooks(client)).map(standingOf),
      now,
    };
  } finally {
    await client.close();
  }
}

/** Measures several commands. The fastest one gives the most exact clock; the median is the time that a command takes. */
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
  // A managed Redis may refuse it, as may a Redis whose ACL gives this user few permissions.
  const info = await primary.info().catch(() => "");
  const field = (name: string) => {
    const text = new RegExp(`^${name}:(\\d+)\r?$`, "m").exec(info)?.[1];
    return text === undefined ? undefined : Number(text);
  };
  const [used, most] = [field("used_memory"), field("maxmemory")];
  const fullness = used === undefined || !most ? undefined : used / most;
  return { fullness, replicas: field("connected_slaves") };
}
