import { describe, expect, test } from "bun:test";
import { MIN_CONTROL_ECHOES_PER_S } from "../../../bench/report/notes.ts";
import { rowsOf } from "../../../bench/report/rows.ts";
import { caseOf, peer, run, traffic } from "./sample-rows.ts";

const peers = [peer("relay"), peer("parley")];

function echoRow(results: Parameters<typeof traffic>[0][], control = MIN_CONTROL_ECHOES_PER_S) {
  const runs = results.map((result, index) => run("echo", "parley", index + 1, traffic(result)));
  return rowsOf([caseOf("echo")], [peer("parley")], runs, control)[0]!;
}

describe("rows of the bench", () => {
  test("are medians with the minimum and the maximum", () => {
    const row = echoRow([{ answered: 4000 }, { answered: 40_000 }, { answered: 8000 }]);
    expect([row.median, row.least, row.most]).toEqual([2000, 1000, 10_000]);
  });

  test("divide by the relay of the same round, not by its median", () => {
    const rows = rowsOf(
      [caseOf("echo")],
      peers,
      [
        run("echo", "relay", 1, traffic({ answered: 40_000 })),
        run("echo", "parley", 1, traffic({ answered: 20_000 })),
        // A slow minute for both.
        run("echo", "relay", 2, traffic({ answered: 4000 })),
        run("echo", "parley", 2, traffic({ answered: 2000 })),
      ],
      MIN_CONTROL_ECHOES_PER_S,
    );
    expect(rows.map(({ ratio }) => ratio)).toEqual([1, 0.5]);
  });

  test("contain the server's CPU time for each message", () => {
    expect(echoRow([{ serverBusy: 0.5, answered: 40_000 }]).cost).toBe(50);
  });

  test("note when the load generator and not the server was the limit", () => {
    expect(echoRow([{ loadBusy: 0.99, serverBusy: 0.6 }]).remark).toContain("LIMITED BY THE LOAD");
    expect(echoRow([{ loadBusy: 0.99, serverBusy: 0.99 }]).remark).not.toContain("LIMITED");
    // Redis shares the load's core.
    expect(echoRow([{ loadBusy: 0.5, storeBusy: 0.48, serverBusy: 0.6 }]).remark).toContain("LIMITED");
  });

  test("note when the load generator was too slow with the relay", () => {
    const { remark } = echoRow([{}], MIN_CONTROL_ECHOES_PER_S - 1);
    expect(remark).toContain("LIMITED BY THE LOAD, it reached 400 k echoes a second only");
  });

  test("note what else used the machine, and what was lost", () => {
    const { remark } = echoRow([{ othersBusy: 0.3, lost: 2, outOfOrder: 1 }]);
    expect(remark).toContain("DISTURBED, others used 30 % of a core");
    expect(remark).toContain("2 lost, 0 doubled, 1 out of order");
  });

  test("of latency are limited where the load generator itself was late", () => {
    const latency = { p50: 0.2, p99: 1, p999: 2, worst: 3, count: 100, sentLate: 0.1 };
    const remark = (sentLate: number) =>
      rowsOf(
        [caseOf("latency")],
        [peer("parley")],
        [run("latency", "parley", 1, traffic({ latency: { ...latency, sentLate } }))],
        MIN_CONTROL_ECHOES_PER_S,
      )[0]!.remark;
    expect(remark(0.1)).toBe(
      "p50 0.2 ms, p99.9 2 ms; all delivered once, in order; server 100 % busy, 99 % sent within 0.1 ms of being due",
    );
    expect(remark(0.6)).toContain("LIMITED BY THE LOAD");
  });
});
