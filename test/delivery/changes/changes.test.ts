// Clients edit, erase and react over a bad network, on a server that is killed: the real server keeps every promise, and the same
// run in the long form detects servers that break one (programs/broken-changes.ts), and has three nodes, too.
import { describe, expect, test } from "bun:test";
import { BROKEN_SERVER } from "../../support/built-program.ts";
import { longTest } from "../../support/long-test.ts";
import { isLong, seeds } from "../../support/random.ts";
import type { ChangeDefectName } from "../programs/broken-changes.ts";
import { RUN_TIMEOUT_MS } from "../timeouts.ts";
import { REDIS_FAULTS, type RedisFaultName } from "../topology/redis-faults.ts";
import type { ChangeViolationKind } from "./check-changes.ts";
import { type ChangeRunOptions, changeReport, runChanges } from "./run-changes.ts";

const OPTIONS: Omit<ChangeRunOptions, "seed"> = {
  conversations: 2,
  ...(isLong
    ? { clients: 20, seconds: 120, kills: 20, drains: 6, cuts: 400, least: 3_000 }
    : { clients: 10, seconds: 5, kills: 2, drains: 1, cuts: 20, least: 120 }),
};

/** The server of which parts are broken; `npm test` starts it from one file (support/built-program.ts). */
const BROKEN = process.env.TEST_BROKEN_SERVER ?? BROKEN_SERVER;

const EXPECTED_VIOLATIONS: Record<ChangeDefectName, ChangeViolationKind> = {
  "the announcement": "state",
  "the fold": "state",
  "the erasure": "state",
};

/** Faults of many nodes, in the long form. After some of them Redis has lost what was acked, and clients begin with what it has. */
const NODE_FAULTS = isLong ? (Object.keys(REDIS_FAULTS) as RedisFaultName[]) : [];

describe.concurrent("delivery of changes", () => {
  for (const seed of seeds(20_261_117)) {
    test(
      `CH1 CH2 CH4 clients on bad lines end with what history says (seed ${seed})`,
      async () => {
        const result = await runChanges({ ...OPTIONS, seed });
        const report = changeReport(result, seed);
        expect(result.violations, report).toEqual([]);
        // The faults did hit changes under way, or the test would prove nothing.
        expect(result.changes, report).toBeGreaterThan(OPTIONS.least / 3);
        expect(result.erased, report).toBeGreaterThan(0);
      },
      RUN_TIMEOUT_MS,
    );

    for (const [part, kind] of Object.entries(EXPECTED_VIOLATIONS)) {
      longTest(
        `the checker detects that ${part} of changes is broken (seed ${seed})`,
        async () => {
          const faults = { ...OPTIONS, seconds: 4, kills: 0, drains: 0, least: 80, patience: 5_000 };
          const result = await runChanges({ ...faults, seed, program: BROKEN, programArguments: [part] });
          const kinds = new Set(result.violations.map((violation) => violation.kind));
          expect(kinds, changeReport(result, seed)).toContain(kind);
        },
        RUN_TIMEOUT_MS,
      );
    }

    for (const fault of NODE_FAULTS)
      test(
        `CH1 CH2 CH4 D5 the same on three nodes; ${REDIS_FAULTS[fault].description} (seed ${seed})`,
        async () => {
          const often = fault === "node-kill" ? {} : { kills: 0, drains: 0, strikes: 2 };
          const nodes = { count: 3, fault };
          const shorter = { seconds: 8, kills: 2, drains: 1, cuts: 25, least: 120, clients: 10 };
          const result = await runChanges({ ...OPTIONS, ...shorter, ...often, seed, nodes });
          expect(result.violations, changeReport(result, seed)).toEqual([]);
        },
        RUN_TIMEOUT_MS,
      );
  }
});
