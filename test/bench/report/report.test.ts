import { describe, expect, test } from "bun:test";
import { growthPlots, growthTable } from "../../../bench/growth/report.ts";
import { compareToBaseline, mergeResults } from "../../../bench/report/baseline.ts";
import { formatFigure } from "../../../bench/report/format-figure.ts";
import { barPlot, linePlot } from "../../../bench/report/plot.ts";
import { resultsPage, sectionOf, terminalTable } from "../../../bench/report/report.ts";
import type { Row } from "../../../bench/report/rows.ts";
import { caseOf, MACHINE, peer } from "./sample-rows.ts";

function row(changed: Partial<Row> = {}): Row {
  const figures = { median: 98_700, least: 90_000, most: 101_000, ratio: 0.0806, cost: 10.1 };
  return { case: caseOf("echo"), peer: "parley", ...figures, remark: "a remark", ...changed };
}

describe("tables of the bench", () => {
  test("show three significant digits, with their unit", () => {
    const shown = (value: number, name: Parameters<typeof caseOf>[0]) =>
      formatFigure(value, { case: caseOf(name) });
    expect(shown(98_712, "echo")).toBe("98.7 k/s");
    expect(shown(2_412_000, "echo")).toBe("2.41 M/s");
    expect(shown(2.333, "token")).toBe("2.33 /s");
    expect(shown(5119.6, "idle")).toBe("5,120 B");
    expect(shown(4.26, "resume")).toBe("4.3 ×");
    expect(shown(0.9213, "latency")).toBe("0.92 ms");
  });

  test("have aligned columns on the terminal", () => {
    expect(terminalTable([row(), row({ peer: "relay", median: 1_230_000, ratio: 1 })]).split("\n")).toEqual([
      "case  peer      median      least – most  to relay  server CPU each",
      "echo  parley  98.7 k/s  90 k/s – 101 k/s      0.08            10 µs  a remark",
      "echo  relay   1.23 M/s  90 k/s – 101 k/s      1.00            10 µs  a remark",
    ]);
  });

  test("are written into RESULTS.md with a plot, and leave other sections unchanged", () => {
    const echo = caseOf("echo").title;
    const before = `# Results\n\nwords\n\n## ${echo}\n\nold\n\n## Another\n\nkept\n\n## What each does for a message\n\n- old\n`;
    const section = sectionOf(caseOf("echo"), [row()], 3, MACHINE);
    const after = resultsPage(before, [section], [echo, "Another"], [peer("parley")]);
    expect(after).toContain("2026-01-02 03:04 UTC, commit abc1234, 3 rounds");
    expect(after).toContain("](plots/echo.svg)");
    expect(after).toContain(
      "| parley | 98.7 k/s | 90 k/s – 101 k/s |     0.08 |           10 µs | a remark |",
    );
    expect(after).toContain("## Another\n\nkept");
    expect(after).not.toContain("old");
    expect(after).toContain("- **parley**: what parley does.");
  });
});

describe("plots of the bench", () => {
  test("have bars as long as the medians are large", () => {
    const plot = barPlot(caseOf("echo"), [
      { peer: "relay", median: 100, least: 80, most: 200 },
      { peer: "parley", median: 50, least: 50, most: 50 },
    ]);
    const widths = [...plot.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map((match) => Number(match[1]));
    expect(widths[0]).toBe(2 * widths[1]!);
    expect(plot).toContain(">relay</text>");
    expect(plot).toContain("(more is better)");
  });

  test("have lines over a logarithmic axis that begins at the left, with 0 before the minimum", () => {
    const plot = linePlot("a title", "users", "µs", [
      {
        name: "parley",
        points: [
          [0, 10],
          [100, 10],
          [1000, 20],
          [10_000, 5],
        ],
      },
    ]);
    const places = plot
      .match(/points="([^"]*)"/)![1]!
      .split(" ")
      .map((place) => place.split(",").map(Number));
    const across = places.map(([x]) => x!);
    // Equal steps: each is ten times the one before.
    expect(across[1]! - across[0]!).toBeCloseTo(across[2]! - across[1]!, 0);
    expect(across[2]! - across[1]!).toBeCloseTo(across[3]! - across[2]!, 0);
    // Higher is smaller in SVG; the base line is 0.
    const up = places.map(([, y]) => 210 - y!);
    expect(up[2]).toBeCloseTo(2 * up[0]!, 0);
    expect(up[3]).toBeCloseTo(up[0]! / 2, 0);
  });

  test("escape their texts", () => {
    expect(linePlot("a < b & c", "x", "µs", [{ name: "one", points: [[1, 1]] }])).toContain(
      "a &lt; b &amp; c",
    );
  });

  test("of growth are one for each axis, and the table gives the cost of each point relative to the first", () => {
    const point = { axis: "members", peer: "parley", least: 1, most: 2, deviations: 0, othersBusy: 0 };
    const points = [
      { ...point, point: 10, cost: 1.5 },
      { ...point, point: 1000, cost: 3, deviations: 4 },
    ];
    const table = growthTable(points).map((line) => line.map((cell) => cell.trim()));
    expect(table.slice(1)).toEqual([
      ["members", "parley", "10", "1.5 µs", "1 µs – 2 µs", "1.00", ""],
      ["members", "parley", "1,000", "3 µs", "1 µs – 2 µs", "2.00", "4 lost, doubled or out of order"],
    ]);
    expect(growthPlots(points).map(([name]) => name)).toEqual(["growth-members"]);
  });
});

describe("the committed results", () => {
  const committed = mergeResults(
    { cases: {} },
    {
      cases: [
        { kase: caseOf("echo"), rows: [row({ ratio: 0.1 })] },
        { kase: caseOf("idle"), rows: [row({ case: caseOf("idle"), ratio: 4 })] },
      ],
      growth: [],
      on: MACHINE,
    },
  );

  test("keep rows that were not measured again", () => {
    const again = { cases: [{ kase: caseOf("echo"), rows: [row({ ratio: 0.2 })] }], growth: [], on: MACHINE };
    const after = mergeResults(committed, again);
    expect(after.cases.echo!.rows[0]!.ratio).toBe(0.2);
    expect(after.cases.idle).toEqual(committed.cases.idle!);
    expect(after.cases.echo!.rows[0]).not.toHaveProperty("case");
  });

  test("state for each ratio whether it improved, which is not always a larger number", () => {
    const idle = { case: caseOf("idle") };
    const lines = (ratios: [number, number]) =>
      compareToBaseline([row({ ratio: ratios[0] }), row({ ...idle, ratio: ratios[1] })], committed);
    expect(lines([0.2, 8])).toBe(
      "echo, parley: 0.20 of the relay; 0.10 at abc1234: +100 %, BETTER\nidle, parley: 8.00 of the relay; 4.00 at abc1234: +100 %, WORSE",
    );
    expect(lines([0.05, 4.1])).toBe(
      "echo, parley: 0.05 of the relay; 0.10 at abc1234: −50 %, WORSE\nidle, parley: 4.10 of the relay; 4.00 at abc1234: +2 %, as before",
    );
  });

  test("are empty at first", () => {
    expect(compareToBaseline([row()], undefined)).toContain("Nothing to compare with");
  });
});
