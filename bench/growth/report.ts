import type { Machine } from "../machine.ts";
import { linePlot } from "../report/plot.ts";
import { alignColumns, markdownTable, provenance, type Section } from "../report/report.ts";
import { AXES, type Axis } from "./axes.ts";
import type { GrowthPoint } from "./growth.ts";

export const GROWTH_TITLE = "Growth: CPU time of the server for a delivered message, at the same rate";

/** From this share of a core on, used by other programs, a point notes it. */
const DISTURBED_SHARE = 0.1;

const FIGURE_COLUMNS = ["cost", "least – most", "to the first"];

/** A line for each point of each axis. */
export function growthTable(points: readonly GrowthPoint[]): string[][] {
  const lines = AXES.flatMap((axis) => linesOf(axis, points).map((line) => [axis.name, ...line]));
  return alignColumns([["", "", "at", ...FIGURE_COLUMNS, ""], ...lines], 2, FIGURE_COLUMNS.length + 1);
}

export function growthSection(points: readonly GrowthPoint[], on: Machine): Section {
  const parts = AXES.map((axis) => {
    const head = ["", axis.title, ...FIGURE_COLUMNS, ""];
    const table = markdownTable(
      alignColumns([head, ...linesOf(axis, points)], 1, FIGURE_COLUMNS.length + 1),
      FIGURE_COLUMNS.length + 1,
    );
    return `![${axis.title}](plots/growth-${axis.name}.svg)\n\n${table}`;
  });
  return { title: GROWTH_TITLE, body: `${provenance(1, on)}\n\n${parts.join("\n\n")}` };
}

/** File names without their ending, and SVG. */
export function growthPlots(points: readonly GrowthPoint[]): [string, string][] {
  const measured = AXES.filter((axis) => peersOf(axis, points).length > 0);
  return measured.map((axis) => {
    const lines = peersOf(axis, points).map((peer) => ({
      name: peer,
      points: pointsOf(axis, peer, points).map(({ point, cost }) => [point, cost] as const),
    }));
    return [
      `growth-${axis.name}`,
      linePlot("CPU time of the server for a delivered message", axis.title, "µs", lines),
    ];
  });
}

function linesOf(axis: Axis, points: readonly GrowthPoint[]): string[][] {
  return peersOf(axis, points).flatMap((peer) => {
    const mine = pointsOf(axis, peer, points);
    return mine.map(({ point, cost, least, most, deviations, othersBusy }) => [
      peer,
      point.toLocaleString("en-US"),
      micro(cost),
      `${micro(least)} – ${micro(most)}`,
      (cost / mine[0]!.cost).toFixed(2),
      [
        ...(deviations > 0 ? [`${deviations} lost, doubled or out of order`] : []),
        ...(othersBusy >= DISTURBED_SHARE
          ? [`DISTURBED, others used ${Math.round(othersBusy * 100)} % of a core`]
          : []),
      ].join("; "),
    ]);
  });
}

function peersOf({ name }: Axis, points: readonly GrowthPoint[]): string[] {
  return [...new Set(points.filter(({ axis }) => axis === name).map(({ peer }) => peer))];
}

function pointsOf({ name }: Axis, peer: string, points: readonly GrowthPoint[]): GrowthPoint[] {
  return points.filter((point) => point.axis === name && point.peer === peer);
}

function micro(value: number): string {
  return `${Number(value.toPrecision(2))} µs`;
}
