import { expect, test } from "bun:test";
import { isPassed, reportLines } from "../delivery/report.ts";
import { run } from "../delivery/run.ts";
import { isLong, seeds } from "../support/random.ts";

/** Each is a start of the program, which is most of the work. */
const KILLS = isLong ? 22 : 4;

for (const seed of seeds(20_250_101)) {
  test(`L2 D1 D2 D3 Q2 kill -9 under load, ${KILLS} times: nothing acked is missing or doubled (seed ${seed})`, async () => {
    // During the first results, in the middle of the flow, or while the worker indexes messages (each second).
    const result = await run({
      seed,
      clients: 6,
      seconds: KILLS / 2,
      kills: KILLS,
      drains: 0,
      cuts: 0,
      pace: { pause: 16, window: 6 },
    });
    expect(isPassed(result), reportLines(result).join("\n")).toBe(true);
    // The kills did hit messages under way, or this would show nothing.
    expect(result.repeats).toBeGreaterThan(KILLS);
  });
}
