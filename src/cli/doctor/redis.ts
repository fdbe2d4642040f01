import { expiredNodes } from "../../core/nodes.ts";
import type { RedisInspection } from "../../engine/redis/inspect.ts";
import { isAcceptedKey } from "../../server/authentication/signing-key-check.ts";
import type { Settings } from "../../server/settings/settings.ts";
import type { InspectionError } from "../store/provider.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr, toSeconds } from "./check.ts";

/** The facts about Redis. */
export interface RedisFacts {
  readonly redis: RedisInspection | InspectionError;
  readonly ackAfter: Settings["ackAfter"];
  readonly eraseRewrite: Settings["eraseRewrite"];
  /** SECRET_KEY and SECRET_KEY_PREVIOUS of a node with these settings; those that are set. */
  readonly keys: readonly string[];
}

/** Share of its memory in use that is a warning: when it is full, Redis rejects every message. */
const MEMORY_WARNING_RATIO = 0.8;

/** Round trip that is a warning, in milliseconds: each message waits at least as long. */
const SLOW_ROUND_TRIP_MS = 100;

/** How long after it is due a rewriting may be asked for, in milliseconds. */
const REWRITE_SLACK_MS = 120_000;

/** Checks whether a node could start on Redis, the state of Redis, and the nodes that share it. */
export const REDIS_CHECK = defineCheck({
  name: "redis",
  collect({ settings, data }): RedisFacts | string {
    if (settings === undefined) return "The settings are invalid.";
    const { ackAfter, eraseRewrite, secretKey, secretKeyPrevious } = settings;
    const keys = [secretKey, secretKeyPrevious].filter((key) => key !== undefined);
    return data.kind === "redis"
      ? { redis: data.redis, ackAfter, eraseRewrite, keys }
      : "REDIS_HOST and REDIS_URL are not set: the embedded store needs no Redis.";
  },
  evaluate: evaluateRedis,
});

/** Evaluates the facts about Redis. */
export function evaluateRedis({ redis, ackAfter, eraseRewrite, keys }: RedisFacts): CheckResult {
  if ("error" in redis) return { findings: [{ mark: "problem", text: redis.error }] };
  const { description, verdict, primaries, roundTrip, nodes, now } = redis;
  const findings: Finding[] = verdict.problems.map((text) => ({
    mark: "problem",
    text: `${description}: ${text}`,
  }));
  for (const { advice } of verdict.warnings) findings.push({ mark: "warning", text: advice });
  const fullest = Math.max(...primaries.map(({ fullness = 0 }) => fullness));
  if (fullest > MEMORY_WARNING_RATIO)
    findings.push({
      mark: "warning",
      text: `The memory of ${description} is ${Math.round(fullest * 100)} % full; when it is full, all messages are rejected.`,
      advice: "Raise maxmemory, or keep fewer messages: RETENTION_MESSAGES, RETENTION_DAYS.",
    });
  if (ackAfter === "replica" && primaries.some(({ replicas }) => replicas === 0))
    findings.push({
      mark: "problem",
      text: "ACK_AFTER=replica is set, but a primary has no replica: all messages are rejected.",
      advice: "Start a replica, or set ACK_AFTER=primary.",
    });
  if (keys.length > 0 && !keys.some((key) => isAcceptedKey(redis.signingKeys, key)))
    findings.push({
      mark: "problem",
      text: "The node that started last on this Redis has another SECRET_KEY than these settings: each refuses the tokens of the other.",
      advice:
        "Give all nodes the same SECRET_KEY, and restart those with another one. To change it, set SECRET_KEY_PREVIOUS to the former one.",
    });
  if (roundTrip > SLOW_ROUND_TRIP_MS)
    findings.push({
      mark: "warning",
      text: `A round trip to ${description} takes ${Math.round(roundTrip)} ms, and each message waits at least as long.`,
      advice: "Run the nodes and Redis in one network, with round trips of a millisecond or two.",
    });
  findings.push(...evaluateNodes(redis), ...evaluateErasures(redis, eraseRewrite));
  const alive = nodes.length - expiredNodes(nodes, now).length;
  return {
    findings: findingsOr(
      findings,
      `${description} responds in ${roundTrip.toFixed(1)} ms; ${alive === 1 ? "1 node uses" : `${alive} nodes use`} it.`,
    ),
    values: {
      round_trip_seconds: toSeconds(roundTrip),
      nodes: alive,
      ...(fullest > 0 && { memory_used_ratio: fullest }),
    },
  };
}

/** Names what may still hold the texts of erased messages. */
function evaluateErasures(
  { erasures: { inFileSince, refused }, now }: RedisInspection,
  every: number,
): Finding[] {
  if (inFileSince === undefined) return [];
  // Until the next rewriting that Parley asks for, the file is as it should be.
  const isDue = every === 0 || now - inFileSince > every * 60_000 + REWRITE_SLACK_MS;
  if (refused === undefined && !isDue) return [];
  const why =
    refused === undefined ? "it was not rewritten since" : `Redis refused to rewrite it: ${refused}`;
  return [
    {
      mark: "warning",
      text: `The append-only file of Redis may still hold texts that users erased or edited away, or that were removed: ${why}.`,
      advice:
        "Run BGREWRITEAOF on each primary and replica, and SLOWLOG RESET; older snapshots and backups may hold them, too.",
    },
  ];
}

function evaluateNodes({ nodes, now }: RedisInspection): Finding[] {
  const findings: Finding[] = [];
  const expired = expiredNodes(nodes, now);
  if (expired.length > 0)
    findings.push({
      mark: "warning",
      text: `The lease of ${expired.map(({ id }) => id).join(", ")} has expired, and no other node has cleaned up.`,
      advice: "Check whether any node is still running, and restart the others.",
    });
  const versions = new Set(nodes.map(({ version }) => version).filter((version) => version !== ""));
  if (versions.size > 1)
    findings.push({
      mark: "warning",
      text: `The nodes run different versions: ${[...versions].sort().join(", ")}.`,
      advice: "Finish the update; `parley nodes` shows each node's version.",
    });
  return findings;
}
