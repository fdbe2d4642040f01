import { expect, test } from "bun:test";
import { BenchCounters } from "../../../src/cli/bench/counters.ts";
import { type BenchPlan, planRefusal } from "../../../src/cli/bench/plan.ts";
import { progressText, reportCsv, reportText } from "../../../src/cli/bench/report.ts";

const PLAN: BenchPlan = {
  ...{
    clients: 2,
    messages: 100,
    size: 64,
    rate: undefined,
    duration: undefined,
    inFlight: 1,
    together: false,
  },
};

function tallyOf(): BenchCounters {
  const tally = new BenchCounters();
  tally.send(0, 0);
  tally.ack(2.5, 0);
  tally.send(1_500, 1_400);
  tally.fail(1_600, "invalid");
  return tally;
}

test("the report lists what was sent, the rate, and what was not acked", () => {
  const place = { server: "http://h", user: "ann", conversationOf: (client: number) => `bench-${client}` };
  expect(reportText({ ...PLAN, rate: 50 }, place, tallyOf().totals()).split("\n")).toEqual([
    "server     http://h, as ann, in bench-0 to bench-1",
    "load       2 clients, 64 bytes a message, 50 a second in all, each timed from when it was due",
    "sent       2",
    "acked      1 in 0.00 s: 400 a second",
    "ack time   p50 2.50 ms, p90 2.50 ms, p99 2.50 ms, p99.9 2.50 ms, max 2.50 ms",
    "late       this program sent at most 100 ms late",
    "not acked  1 invalid",
  ]);
});

test("each second is a row of the CSV; without an ack its times are empty", () => {
  expect(reportCsv(tallyOf().bySecond())).toBe(
    "second,sent,acked,errors,p50_ms,p90_ms,p99_ms,p99.9_ms,max_ms\n0,1,1,0,2.500,2.500,2.500,2.500,2.500\n1,1,0,1,,,,,\n",
  );
});

test("the bar fills from 0 to 1, and accepts any number", () => {
  const bar = (share: number) => progressText(share, 30, 2, 0).split(" ").slice(0, 3).join(" ");
  expect(bar(0)).toBe(`${"░".repeat(24)} 0 %`);
  expect(bar(0.5)).toBe(`${"█".repeat(12)}${"░".repeat(12)} 50 %`);
  expect(bar(1.7)).toBe(`${"█".repeat(24)} 100 %`);
  expect(progressText(0.5, 30, 2, 3)).toEndWith("30 acked, 15.0 a second, 3 not");
});

test("a run that exceeds the plan is refused with advice; 0 means no limit", () => {
  const free = { plan: "free", quota: { limit: 100, remaining: 40, reset: 0 }, connections: 5 };
  expect(planRefusal(PLAN, "ann", free)).toContain(
    "100 messages are more than the 40 requests that ann has left",
  );
  expect(planRefusal({ ...PLAN, messages: 40 }, "ann", free)).toBeUndefined();
  expect(planRefusal({ ...PLAN, messages: undefined, rate: 10, duration: 5 }, "ann", free)).toContain(
    "50 messages",
  );
  expect(planRefusal({ ...PLAN, messages: undefined, duration: 5 }, "ann", free)).toBeUndefined();
  expect(planRefusal({ ...PLAN, clients: 6 }, "ann", free)).toContain(
    "6 clients are more than the 5 connections",
  );
  const open = { plan: "open", quota: null, connections: 0 };
  expect(planRefusal({ ...PLAN, clients: 600, messages: 1e6 }, "ann", open)).toBeUndefined();
});
