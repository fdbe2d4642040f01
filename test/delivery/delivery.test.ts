// The short form of `npm run check:delivery`: on the real server every promise is kept, and the same run shows each of
// five servers for what it is that break one (programs/broken.ts).
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { seeds } from "../support/random.ts";
import type { ViolationKind } from "./check/violation.ts";
import type { DefectName } from "./programs/broken.ts";
import { reportLines } from "./report.ts";
import { type RunOptions, run } from "./run.ts";

const OPTIONS: Omit<RunOptions, "seed"> = {
  clients: 12,
  seconds: 8,
  kills: 3,
  drains: 1,
  cuts: 40,
  pace: { pause: 250, window: 6 },
  least: 240,
};

const EXPECTED_VIOLATIONS: Record<DefectName, readonly ViolationKind[]> = {
  nothing: [],
  "the dedupe": ["duplicate"],
  // What is not stored yet cannot have been told in its turn: an early ack shows even where no kill follows.
  "the ack": ["ack_ahead", "lost_ack"],
  "the seam": ["hole"],
  "the order": ["order"],
  "the epoch": ["epoch"],
};

/** Only a machine that is busy with much else ever takes so long, in milliseconds. */
const TEST_TIMEOUT_MS = 300_000;

// Side by side, because most of a run is waiting.
describe.concurrent("delivery", () => {
  for (const seed of seeds(20_250_401)) {
    test(
      `D1 D2 D3 D4 D5 Q2 P1 L2 cuts, kill -9 and restarts lose, double and disorder nothing (seed ${seed})`,
      async () => {
        const result = await run({ ...OPTIONS, seed, library: true });
        const report = reportLines(result).join("\n");
        expect(result.verdict.violations, report).toEqual([]);
        expect(result.verdict.delivered, report).toBe(result.verdict.expected);
        // The faults did hit what was under way, or this would show nothing.
        expect(result.repeats, report).toBeGreaterThan(OPTIONS.kills);
        expect(result.reconnects, report).toBeGreaterThan(OPTIONS.clients);
      },
      TEST_TIMEOUT_MS,
    );

    test(
      `D5 a store that is lost is told by its epoch, and the next one keeps every promise (seed ${seed})`,
      async () => {
        const result = await run({ ...OPTIONS, seed, library: true, losses: 1 });
        expect(result.verdict.violations, reportLines(result).join("\n")).toEqual([]);
      },
      TEST_TIMEOUT_MS,
    );

    test(
      `D5 what retention removes while a client is away is told to it, and nothing else is missing (seed ${seed})`,
      async () => {
        const result = await run({ ...OPTIONS, seed, library: true, retention: 8 });
        const report = reportLines(result).join("\n");
        expect(result.verdict.violations, report).toEqual([]);
        expect(result.lossNotices, report).toBeGreaterThan(0);
      },
      TEST_TIMEOUT_MS,
    );

    for (const [part, kinds] of Object.entries(EXPECTED_VIOLATIONS)) {
      test(
        `the checker sees that ${part} is broken (seed ${seed})`,
        async () => {
          const program = join(import.meta.dir, "programs/server.ts");
          const result = await run({ ...OPTIONS, seed, program, programArguments: [part] });
          const seen = [...new Set(result.verdict.violations.map(({ kind }) => kind))].sort();
          expect(seen, reportLines(result).join("\n")).toEqual([...kinds]);
        },
        TEST_TIMEOUT_MS,
      );
    }
  }
});
