// Makes docs/pictures/dashboard.png: the result of each query of deploy/grafana/parley.json, from a real Prometheus that scrapes a real
// server under load, drawn by uPlot where Grafana would have its panel: `npx bun docs/pictures/dashboard.ts`. Needs chromium, prometheus and
// redis-server, and takes a minute.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { METRICS_KEY, MonitoredParley } from "../../test/deploy/monitoring/monitored-parley.ts";
import { filledIn, type Panel, readPanels } from "../../test/deploy/monitoring/panels.ts";
import { Prometheus, type Series } from "../../test/deploy/monitoring/prometheus.ts";
import { openPage, startBrowser } from "../../test/support/browser/browser.ts";

const LOAD_SECONDS = 60;
const SIZE = { column: 46, unit: 22 };
const WIDTH = 24 * SIZE.column;

/** A line of a panel, for the page. */
interface Line {
  readonly label: string;
  readonly values: readonly (readonly [number, number])[];
}

await using parley = await MonitoredParley.start();
await using prometheus = await Prometheus.start([parley.metricsHost], METRICS_KEY, 1000);
await parley.prepare();
for (const began = Date.now(); Date.now() - began < LOAD_SECONDS * 1000; ) {
  await parley.talk();
  // The load comes and goes, so that there is something to see.
  await Bun.sleep(120 + 100 * Math.sin((Date.now() - began) / 6000));
}
const all = readPanels();
const drawn = await Promise.all(all.map(async (panel) => ({ panel, lines: await linesOf(panel) })));
const height = Math.max(...all.map(({ gridPos: { y, h } }) => y + h)) * SIZE.unit + 10;
const plots = drawn.filter(({ panel }) => panel.type === "timeseries");

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  routes: {
    "/": new Response(page(), { headers: { "Content-Type": "text/html" } }),
    "/uplot.js": file("uPlot.iife.min.js", "text/javascript"),
    "/uplot.css": file("uPlot.min.css", "text/css"),
  },
});
await using browser = await startBrowser();
await using tab = await openPage(browser, server.url.href, { viewport: { width: WIDTH, height } });
await tab.page.waitForFunction("document.title === 'drawn'");
await tab.page.screenshot({ path: fileURLToPath(new URL("dashboard.png", import.meta.url)) });
console.log("docs/pictures/dashboard.png");
await server.stop(true);

async function linesOf({ targets = [] }: Panel): Promise<Line[]> {
  const results = await Promise.all(
    targets.map(async ({ expr, legendFormat }) => {
      const found = await prometheus.range(filledIn(expr, "5s"), LOAD_SECONDS - 5);
      return found.filter(isMoving).map(({ metric, values }) => ({
        label: legendFormat.replace(/\{\{(\w+)\}\}/g, (_, name: string) => metric[name] ?? ""),
        values,
      }));
    }),
  );
  return results.flat();
}

/** Grafana draws lines at 0, too; in a picture they only make its legend long. */
function isMoving({ values }: Series): boolean {
  return values.some(([, value]) => value > 0);
}

function file(name: string, type: string): Response {
  const path = fileURLToPath(new URL(`../../node_modules/uplot/dist/${name}`, import.meta.url));
  return new Response(readFileSync(path), { headers: { "Content-Type": type } });
}

function page(): string {
  const boxes = drawn.map(({ panel: { type, title, gridPos, fieldConfig }, lines }, i) => {
    const { x, y, w, h } = gridPos;
    const place = `left:${x * SIZE.column}px;top:${y * SIZE.unit}px;width:${w * SIZE.column - 8}px;height:${h * SIZE.unit - 8}px`;
    if (type === "row") return `<h2 style="${place}">${title}</h2>`;
    const [line] = lines;
    const last = line?.values.at(-1)?.[1];
    const shown =
      type === "timeseries"
        ? `<figure id="plot${plots.findIndex(({ panel }) => panel === drawn[i]!.panel)}"></figure>`
        : `<b>${last === undefined ? "no data" : inWords(last, fieldConfig!.defaults.unit)}</b>${line!.label === title ? "" : line!.label}`;
    return `<section style="${place}"><h3>${title}</h3>${shown}</section>`;
  });
  return `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/uplot.css"><style>
    body { margin: 4px; background: #111217; color: #ccccdc; font: 12px system-ui, sans-serif; position: relative }
    h2, section { position: absolute; margin: 0; box-sizing: border-box } h2 { font-size: 14px; padding-top: 6px }
    section { background: #181b1f; border: 1px solid #2c3235; padding: 4px 8px; overflow: hidden }
    h3 { margin: 0; font-size: 12px; font-weight: 500 } figure { margin: 0 }
    b { display: block; font-size: 30px; color: #73bf69; line-height: 1.5 }
    .u-legend { font-size: 10px; text-align: left } .u-legend .u-value { display: none } .u-legend th { padding: 0 4px }
    .u-legend th::after { content: none !important } .u-legend tr:first-child { display: none }
  </style><body>${boxes.join("")}<script src="/uplot.js"></script><script>(${draw})(${JSON.stringify(
    plots.map(({ panel, lines }) => ({
      lines,
      unit: panel.fieldConfig!.defaults.unit,
      width: panel.gridPos.w * SIZE.column - 28,
      height: panel.gridPos.h * SIZE.unit - 58,
    })),
  )})</script>`;
}

function inWords(value: number, unit: string): string {
  if (unit === "s") return `${Number((value * 1000).toPrecision(2))} ms`;
  if (unit === "none") return value === 1 ? "up" : "down";
  return unit === "ops" ? `${value.toFixed(1)}/s` : String(value);
}

/** Runs in the page. */
function draw(plots: { lines: Line[]; unit: string; width: number; height: number }[]): void {
  const { uPlot } = globalThis as unknown as { uPlot: new (...words: unknown[]) => unknown };
  const colours = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9"];
  const words: Record<string, (value: number) => string> = {
    s: (value) => `${+(value * 1000).toPrecision(3)} ms`,
    bytes: (value) =>
      value >= 1e6 ? `${value / 1e6} MB` : value >= 1000 ? `${value / 1000} kB` : `${value} B`,
    ops: (value) => `${value}/s`,
    short: String,
  };
  for (const [i, { lines, unit, width, height }] of plots.entries()) {
    const times = [...new Set(lines.flatMap(({ values }) => values.map(([at]) => at)))].sort((a, b) => a - b);
    const columns = lines.map(({ values }) => {
      const byTime = new Map(values);
      return times.map((at) => byTime.get(at) ?? null);
    });
    const axis = { stroke: "#8e8e9a", grid: { stroke: "#2c3235", width: 1 }, ticks: { show: false } };
    const options = {
      width,
      height,
      scales: { y: { range: (_: unknown, _low: number, high: number) => [0, high * 1.1 || 1] } },
      axes: [
        {
          ...axis,
          font: "10px system-ui",
          // Without the date, which is twenty times the same.
          values: (_: unknown, splits: number[]) =>
            splits.map((at) => `:${String(at % 60).padStart(2, "0")}`),
        },
        {
          ...axis,
          font: "10px system-ui",
          size: 60,
          values: (_: unknown, splits: number[]) =>
            splits.map((value) => words[unit]!(+value.toPrecision(3))),
        },
      ],
      series: [
        {},
        ...lines.map(({ label }, line) => ({
          label,
          stroke: colours[line % colours.length],
          width: 1.5,
          points: { show: false },
        })),
      ],
    };
    new uPlot(options, [times, ...columns], document.getElementById(`plot${i}`));
  }
  document.title = "drawn";
}
