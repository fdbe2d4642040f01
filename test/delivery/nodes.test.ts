// The short form of `npm run check:delivery -- --nodes 3`: three real servers on one Redis, into which each of
// these faults is injected, keep every promise; where Redis itself lost acked messages, all clients are notified.
import { describe, expect, test } from "bun:test";
import { isLong, seeds } from "../support/random.ts";
import { reportLines } from "./report.ts";
import { type RunOptions, run } from "./run.ts";
import { RUN_TIMEOUT_MS } from "./timeouts.ts";
import { REDIS_FAULTS, type RedisFaultName } from "./topology/redis-faults.ts";

const OPTIONS: Omit<RunOptions, "seed"> = {
  clients: 12,
  kills: 0,
  drains: 0,
  ...(isLong ? { seconds: 6, cuts: 20 } : { seconds: 3, cuts: 10 }),
  pace: { pause: 250, window: 6 },
  library: true,
};

/** The faults in that time; of each kind that takes seconds, one. */
const FAULT_COUNTS: Partial<Record<RedisFaultName, Partial<RunOptions>>> = {
  "node-kill": { kills: 2, drains: 1 },
  "slot-move": { strikes: 8 },
};

/** In the short form the faults of one topology in which nothing is lost, and in which acked messages are; test/engine/redis has Cluster. */
const FAULTS = (Object.keys(REDIS_FAULTS) as RedisFaultName[]).filter(
  (name) => isLong || ["node-kill", "failover-fresh"].includes(name),
);

const LOSES = "D1 D3 D5 L3";
const KEEPS = "D1 D2 D3 D4 Q2 P1 L2 L3";

// Side by side, because most of a run is waiting.
describe.concurrent("delivery on many nodes", () => {
  for (const fault of FAULTS) {
    const { description, loses } = REDIS_FAULTS[fault];
    for (const seed of seeds(20_250_701))
      test(
        `${loses ? LOSES : KEEPS} three nodes; ${description} (seed ${seed})`,
        async () => {
          const often = FAULT_COUNTS[fault] ?? { strikes: 1 };
          const result = await run({ ...OPTIONS, ...often, seed, nodes: { count: 3, fault } });
          expect(result.verdict.violations, reportLines(result).join("\n")).toEqual([]);
          expect(result.messages).toBeGreaterThan(0);
        },
        RUN_TIMEOUT_MS,
      );
  }
});
