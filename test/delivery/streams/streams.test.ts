// Writers and readers of streams on a bad network, with a server that is killed: the real server keeps every promise, and the
// same run in the long form detects servers that break one (programs/broken-streams.ts), and has three nodes, too.
import { describe, expect, test } from "bun:test";
import { BROKEN_SERVER } from "../../support/built-program.ts";
import { longTest } from "../../support/long-test.ts";
import { isLong, seeds } from "../../support/random.ts";
import type { StreamDefectName } from "../programs/broken-streams.ts";
import { RUN_TIMEOUT_MS } from "../timeouts.ts";
import { KEEPING_FAULTS, REDIS_FAULTS } from "../topology/redis-faults.ts";
import type { StreamViolationKind } from "./check-streams.ts";
import { runStreams, type StreamRunOptions, streamReport } from "./run-streams.ts";

const OPTIONS: Omit<StreamRunOptions, "seed"> = {
  conversations: 3,
  ...(isLong
    ? { seconds: 20, kills: 6, drains: 2, cuts: 90, least: 60 }
    : { seconds: 4, kills: 2, drains: 1, cuts: 16, least: 12 }),
};

/** The server of which parts are broken; `npm test` starts it from one file (support/built-program.ts). */
const BROKEN = process.env.TEST_BROKEN_SERVER ?? BROKEN_SERVER;

/** What the checker must find of each; others may follow from it. */
const EXPECTED_VIOLATIONS: Record<StreamDefectName, StreamViolationKind> = {
  "the append": "text",
  "the fence": "fence",
  "the final message": "messages",
  "the orphan": "messages",
  "the snapshot": "reader",
};

/** Faults of many nodes in which Redis loses nothing that was acked, in the long form. */
const NODE_FAULTS = isLong ? KEEPING_FAULTS : [];

describe.concurrent("delivery of streams", () => {
  for (const seed of seeds(20_261_101)) {
    test(
      `ST1 ST2 ST3 cuts, kill -9 and replaced writers lose, double and mix up no text (seed ${seed})`,
      async () => {
        const result = await runStreams({ ...OPTIONS, seed });
        const report = streamReport(result, seed);
        expect(result.violations, report).toEqual([]);
        // The faults did hit streams under way, or the test would prove nothing.
        expect(result.takeovers, report).toBeGreaterThan(OPTIONS.kills);
        expect(result.rivals, report).toBeGreaterThan(0);
        expect(result.interrupted, report).toBeGreaterThan(0);
      },
      RUN_TIMEOUT_MS,
    );

    for (const [part, kind] of Object.entries(EXPECTED_VIOLATIONS)) {
      longTest(
        `the checker detects that ${part} of streams is broken (seed ${seed})`,
        async () => {
          const faults = { ...OPTIONS, kills: 0, drains: 0, patience: 5_000 };
          const result = await runStreams({ ...faults, seed, program: BROKEN, programArguments: [part] });
          const kinds = new Set(result.violations.map((violation) => violation.kind));
          expect(kinds, streamReport(result, seed)).toContain(kind);
        },
        RUN_TIMEOUT_MS,
      );
    }

    for (const fault of NODE_FAULTS)
      test(
        `ST1 ST2 ST3 the same on three nodes; ${REDIS_FAULTS[fault].description} (seed ${seed})`,
        async () => {
          const often = fault === "node-kill" ? {} : { kills: 0, drains: 0, strikes: 1 };
          const result = await runStreams({ ...OPTIONS, ...often, seed, nodes: { count: 3, fault } });
          expect(result.violations, streamReport(result, seed)).toEqual([]);
        },
        RUN_TIMEOUT_MS,
      );
  }
});
