import { expect, test } from "bun:test";
import type { BenchPlan } from "../../../src/cli/bench/plan.ts";
import { BenchRun } from "../../../src/cli/bench/run.ts";
import type { OpenSocket } from "../../../src/cli/server/socket.ts";

const PLAN: BenchPlan = {
  ...{
    clients: 1,
    messages: 20,
    size: 1,
    rate: undefined,
    duration: undefined,
    inFlight: 1,
    together: false,
  },
};

const QUOTA = null;

/** A socket whose server replies after `delay` milliseconds, one message after the other. */
function slowServer(run: () => BenchRun, delay: number): OpenSocket {
  let free = Promise.resolve();
  return {
    welcome: undefined as never,
    close() {},
    send(frame) {
      const { id } = frame as { id: string };
      free = free.then(() => Bun.sleep(delay));
      void free.then(() => run().received(0, { type: "ack", id, seq: 1, at: 0, quota: QUOTA }));
    },
  };
}

test("with a rate, the wait of every message due in a stall counts; without one it does not", async () => {
  const times = async (plan: BenchPlan) => {
    const run = new BenchRun(plan, "ann", "r");
    run.begin([slowServer(() => run, 5)]);
    await run.ended;
    return run.counters.totals();
  };
  // Due every millisecond, acked every five: the last one waits for all before it.
  const open = await times({ ...PLAN, rate: 1000 });
  expect(open).toMatchObject({ sent: 20, acked: 20, errors: {} });
  expect(open.times!.max).toBeGreaterThan(open.times!.min * 3);
  const closed = await times(PLAN);
  expect(closed).toMatchObject({ sent: 20, acked: 20, errors: {} });
  expect(closed.times!.p50).toBeLessThan(open.times!.p50);
});

test("a limit of the server ends the run with advice, and messages under way count as not acked", async () => {
  const endings = [
    (run: BenchRun) => run.received(0, { type: "warning", code: "flooding", message: "" }),
    (run: BenchRun) => run.received(0, { type: "error", code: "rate_limited", message: "", id: "r-0" }),
    (run: BenchRun) => run.lost(0, 1013),
  ];
  const found = await Promise.all(
    endings.map(async (end) => {
      const run = new BenchRun({ ...PLAN, inFlight: 4 }, "ann", "r");
      run.begin([{ welcome: undefined as never, close() {}, send() {} }]);
      end(run);
      return [await run.ended, run.counters.totals().errors];
    }),
  );
  expect(found).toEqual([
    [expect.stringContaining("BURST_RATE=0"), { unanswered: 4 }],
    [expect.stringContaining("The plan of ann allows no more requests"), { rate_limited: 1, unanswered: 3 }],
    [expect.stringContaining("closed a connection with 1013"), { closed_1013: 4 }],
  ]);
});

test("a run stopped while its sockets are opened sends nothing", async () => {
  const run = new BenchRun(PLAN, "ann", "r");
  run.stop();
  let hungUp = 0;
  run.begin([{ welcome: undefined as never, close: () => hungUp++, send: () => expect.unreachable() }]);
  expect([await run.ended, hungUp]).toEqual([undefined, 1]);
});
