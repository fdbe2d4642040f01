import { expiredNodes } from "../../core/nodes.ts";
import type { RedisInspection } from "../../engine/redis/inspect.ts";
import type { Settings } from "../../server/settings/settings.ts";
import type { InspectionError } from "../store/provider.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr, toSeconds } from "./check.ts";

/** What is known about Redis. */
export interface RedisFacts {
  readonly redis: RedisInspection | InspectionError;
  readonly ackAfter: Settings["ackAfter"];
}

/** How full its memory may be before somebody should know: full, it refuses every message. */
const MEMORY_WARNING_RATIO = 0.8;

/** Round trip above which each message waits noticeably, in milliseconds. */
const SLOW_ROUND_TRIP_MS = 100;

/** Whether a node would start on Redis, whether it goes on well, and which nodes do. */
export const REDIS_CHECK = defineCheck({
  name: "redis",
  collect({ settings, data }): RedisFacts | string {
    if (settings === undefined) return "The settings are wrong.";
    return data.kind === "redis"
      ? { redis: data.redis, ackAfter: settings.ackAfter }
      : "REDIS_HOST and REDIS_URL are not set: the embedded engine needs none.";
  },
  evaluate: evaluateRedis,
});

/** Judges Redis. */
export function evaluateRedis({ redis, ackAfter }: RedisFacts): CheckResult {
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
      text: `The memory of ${description} is ${Math.round(fullest * 100)} % full; when it is full, no message is taken.`,
      advice: "Raise maxmemory, or limit what is kept: RETENTION_MESSAGES, RETENTION_DAYS.",
    });
  if (ackAfter === "replica" && primaries.some(({ replicas }) => replicas === 0))
    findings.push({
      mark: "problem",
      text: "ACK_AFTER=replica, and a primary has no replica: no message is taken.",
      advice: "Start a replica, or set ACK_AFTER=primary.",
    });
  if (roundTrip > SLOW_ROUND_TRIP_MS)
    findings.push({
      mark: "warning",
      text: `${description} takes ${Math.round(roundTrip)} ms to answer, and each message waits as long.`,
      advice: "Nodes and Redis belong into one network, with a millisecond or two between them.",
    });
  findings.push(...evaluateNodes(redis));
  const alive = nodes.length - expiredNodes(nodes, now).length;
  return {
    findings: findingsOr(
      findings,
      `${description} answers in ${roundTrip.toFixed(1)} ms; ${alive === 1 ? "1 node shares" : `${alive} nodes share`} it.`,
    ),
    values: {
      round_trip_seconds: toSeconds(roundTrip),
      nodes: alive,
      ...(fullest > 0 && { memory_used_ratio: fullest }),
    },
  };
}

function evaluateNodes({ nodes, now }: RedisInspection): Finding[] {
  const findings: Finding[] = [];
  const expired = expiredNodes(nodes, now);
  if (expired.length > 0)
    findings.push({
      mark: "warning",
      text: `The lease of ${expired.map(({ id }) => id).join(", ")} has run out, and no other node has cleaned up after it.`,
      advice: "See whether any node is left, and restart what is gone.",
    });
  const versions = new Set(nodes.map(({ version }) => version).filter((version) => version !== ""));
  if (versions.size > 1)
    findings.push({
      mark: "warning",
      text: `The nodes are of different versions: ${[...versions].sort().join(", ")}.`,
      advice: "Finish the update; `parley nodes` shows which is which.",
    });
  return findings;
}
