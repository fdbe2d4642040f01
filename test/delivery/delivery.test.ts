// The short form of `npm run check:delivery`: the real server keeps every promise, and the same run detects servers that
// break one (programs/broken.ts): one of them, and in the long form all eight. check/checker.test.ts has all kinds of violations.
import { describe, expect, test } from "bun:test";
import { BROKEN_SERVER } from "../support/built-program.ts";
import { isLong, seeds } from "../support/random.ts";
import type { ViolationKind } from "./check/violation.ts";
import type { DefectName } from "./programs/broken.ts";
import { reportLines } from "./report.ts";
import { type RunOptions, run } from "./run.ts";
import { RUN_TIMEOUT_MS } from "./timeouts.ts";

const OPTIONS: Omit<RunOptions, "seed"> = {
  clients: 12,
  kills: isLong ? 3 : 2,
  drains: 1,
  pace: { pause: 250, window: 6 },
  ...(isLong ? { seconds: 8, cuts: 40, least: 240 } : { seconds: 4, cuts: 20, least: 120 }),
};

/** The server of which parts are broken; `npm test` starts it from one file (support/built-program.ts). */
const BROKEN = process.env.TEST_BROKEN_SERVER ?? BROKEN_SERVER;

const EXPECTED_VIOLATIONS: Record<DefectName, readonly ViolationKind[]> = {
  nothing: [],
  "the dedupe": ["duplicate"],
  // A message that is not stored yet cannot have been delivered in order: an early ack is detected even without a kill.
  "the ack": ["ack_ahead", "lost_ack"],
  "the seam": ["hole"],
  "the order": ["order"],
  "the epoch": ["epoch"],
  "the unread number": ["unread"],
  "the close": ["after_closed"],
  "the ban": ["leaked"],
};

/**
 * What a broken server may be seen to do besides, for some seeds. The end of a log can be missing in any run: it is repeated while
 * readers leave. A server that stores a message some time after its ack also stores what a user sent just before it was removed.
 */
const BY_PRODUCTS: Partial<Record<DefectName, readonly ViolationKind[]>> = { "the ack": ["spoken"] };

/** The broken server of the short form, which doubles messages. */
const SHORT_FORM = "the dedupe";

// Side by side, because most of a run is waiting.
describe.concurrent("delivery", () => {
  for (const seed of seeds(20_250_401)) {
    test(
      `D1 D2 D3 D4 D5 Q2 P1 L2 MB2 MB3 MX3 IN1 cuts, kill -9, restarts and bans lose, double and reorder nothing (seed ${seed})`,
      async () => {
        const result = await run({ ...OPTIONS, seed, library: true });
        const report = reportLines(result).join("\n");
        expect(result.verdict.violations, report).toEqual([]);
        expect(result.verdict.delivered, report).toBe(result.verdict.expected);
        // The faults did hit messages under way, or the test would prove nothing.
        expect(result.repeats, report).toBeGreaterThan(OPTIONS.kills);
        expect(result.reconnects, report).toBeGreaterThan(OPTIONS.clients);
        expect(result.sanctions, report).toBeGreaterThan(OPTIONS.kills);
        expect(result.verdict.recounted, report).toBeGreaterThan(OPTIONS.clients / 2);
      },
      RUN_TIMEOUT_MS,
    );

    test(
      `D5 clients see the loss of a store by its epoch, and the next store keeps every promise (seed ${seed})`,
      async () => {
        const result = await run({ ...OPTIONS, seed, library: true, losses: 1 });
        expect(result.verdict.violations, reportLines(result).join("\n")).toEqual([]);
      },
      RUN_TIMEOUT_MS,
    );

    test(
      `D5 a disconnected client is notified of what retention removes, and misses nothing else (seed ${seed})`,
      async () => {
        const result = await run({ ...OPTIONS, seed, library: true, retention: 8 });
        const report = reportLines(result).join("\n");
        expect(result.verdict.violations, report).toEqual([]);
        expect(result.lossNotices, report).toBeGreaterThan(0);
      },
      RUN_TIMEOUT_MS,
    );

    for (const [part, kinds] of Object.entries(EXPECTED_VIOLATIONS)) {
      if (!isLong && part !== SHORT_FORM) continue;
      test(
        `the checker detects that ${part} is broken (seed ${seed})`,
        async () => {
          // A client that comes back is refused also by this server: a line that breaks would hide the fault.
          const calm = part === "the ban" ? { kills: 0, drains: 0, cuts: 0, isPatient: true } : {};
          const result = await run({
            ...OPTIONS,
            ...calm,
            seed,
            program: BROKEN,
            programArguments: [part],
          });
          const seen = [...new Set(result.verdict.violations.map(({ kind }) => kind))].sort();
          const allowed: readonly ViolationKind[] = ["hole", ...(BY_PRODUCTS[part as DefectName] ?? [])];
          const others = seen.filter((kind) => !allowed.includes(kind) || kinds.includes(kind));
          expect(others, reportLines(result).join("\n")).toEqual([...kinds]);
        },
        RUN_TIMEOUT_MS,
      );
    }
  }
});
