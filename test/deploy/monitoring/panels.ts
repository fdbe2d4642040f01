import { readFileSync } from "node:fs";
import { join } from "node:path";

const DASHBOARD = join(import.meta.dir, "../../../deploy/grafana/parley.json");

interface Target {
  readonly expr: string;
  readonly legendFormat: string;
}

export interface Panel {
  readonly type: "row" | "stat" | "timeseries";
  readonly title: string;
  readonly targets?: readonly Target[];
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

/** The panels of the dashboard that Grafana imports, with rows. */
export function readPanels(): readonly Panel[] {
  return (JSON.parse(readFileSync(DASHBOARD, "utf8")) as { panels: Panel[] }).panels;
}

/** A query of a panel, with what Grafana puts in place of its variables. */
export function filledIn(expr: string, rateInterval: string): string {
  return expr
    .replaceAll("$job", "parley")
    .replaceAll("$node", ".*")
    .replaceAll("$__rate_interval", rateInterval);
}
