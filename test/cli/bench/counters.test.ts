import { expect, test } from "bun:test";
import { BenchCounters } from "../../../src/cli/bench/counters.ts";

test("an empty second is listed too, and the counts of all seconds add up to the total", () => {
  const tally = new BenchCounters();
  tally.send(10, 0);
  tally.send(20, 20);
  tally.ack(30, 0);
  tally.send(2_100, 2_100);
  tally.ack(2_500, 20);
  tally.fail(2_600, "invalid");
  tally.fail(2_700, "unanswered", 0);
  expect(tally.bySecond().map(({ second, sent, acked, errors }) => [second, sent, acked, errors])).toEqual([
    [0, 2, 1, 0],
    [1, 0, 0, 0],
    [2, 1, 1, 1],
  ]);
  expect(tally.totals()).toMatchObject({
    ...{ sent: 3, acked: 2, errors: { invalid: 1 }, seconds: 2.5, throughput: 0.8, latest: 10 },
    times: { min: 30, max: 2480 },
  });
});

test("a run without messages causes no division by zero", () => {
  expect(new BenchCounters().totals()).toEqual({
    ...{ sent: 0, acked: 0, errors: {}, seconds: 0, throughput: 0, times: undefined, latest: 0 },
  });
});
