import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { METRICS, type MetricDefinition } from "../../../src/server/metrics/table.ts";
import { readPage, sectionOf } from "../../docs/pages.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { METRICS_KEY, MonitoredParley } from "./monitored-parley.ts";
import { filledIn, readPanels } from "./panels.ts";
import { FOLDER, Prometheus, readRules } from "./prometheus.ts";

const INTERVAL_MS = 500;

/** The shortest range in which `rate` always finds two scrapes, and some more. */
const RATE_INTERVAL = "4s";

/** In CI it is installed, and a test that is skipped would be a promise that is never checked. */
const hasPrometheus = process.env.CI === "true" || Bun.which("prometheus") !== null;

/** The names under which Prometheus knows a metric. */
function seriesNames([name, { type }]: [string, MetricDefinition]): string[] {
  if (type === "counter") return [`${name}_total`];
  return type === "gauge" ? [name] : ["_bucket", "_sum", "_count"].map((end) => name + end);
}

/** These have data only with TLS_CERT; test/server/watch/certificate.test.ts reads them. */
const ONLY_WITH_TLS = /parley_certificate_/;

const panels = readPanels().filter(({ type }) => type !== "row");
const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, expr: filledIn(expr, RATE_INTERVAL) })),
);

test("OP2 every metric is on the dashboard, and dashboard, alerts and their tests name no other one", () => {
  const known = Object.entries<MetricDefinition>(METRICS).map(seriesNames);
  const named = (text: string) => new Set(text.match(/\bparley_\w+/g));
  const shown = named(queries.map(({ expr }) => expr).join());
  expect(known.filter((names) => !names.some((name) => shown.has(name)))).toEqual([]);
  const rules = ["alerts.yaml", "alerts-test.yaml"].map((name) => readFileSync(join(FOLDER, name), "utf8"));
  for (const text of [...shown, ...rules])
    for (const name of named(text)) expect(known.flat()).toContain(name);
});

test("OP2 OPERATIONS says for each alert what to do, and each alert has a test of its rule", () => {
  const names = readRules().map(({ alert }) => alert);
  const rows = sectionOf(readPage("docs/OPERATIONS.md"), "### Alerts").matchAll(/^\| `(\w+)` \|/gm);
  expect([...rows].map(([, name]) => name)).toEqual(names);
  const tests = readFileSync(join(FOLDER, "alerts-test.yaml"), "utf8");
  for (const name of names) expect(tests).toContain(`alertname: ${name}\n        eval_time`);
});

test.if(hasPrometheus)(
  "OP2 promtool finds nothing wrong with configuration and rules, and their tests pass",
  async () => {
    const words = ["test", "rules", join(FOLDER, "alerts-test.yaml")];
    const checked = await Promise.all([
      Bun.$`promtool check rules ${join(FOLDER, "alerts.yaml")}`.quiet().nothrow(),
      Bun.$`promtool check config --syntax-only ${join(FOLDER, "prometheus.yaml")}`.quiet().nothrow(),
      Bun.$`promtool ${words}`.quiet().nothrow(),
    ]);
    for (const { exitCode, stdout, stderr } of checked) expect(exitCode, `${stdout}${stderr}`).toBe(0);
  },
);

let parley: MonitoredParley;
let prometheus: Prometheus;
beforeAll(async () => {
  if (!hasPrometheus) return;
  parley = await MonitoredParley.start();
  prometheus = await Prometheus.start([parley.metricsHost], METRICS_KEY, INTERVAL_MS);
});
afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]();
  await parley?.[Symbol.asyncDispose]();
});

test.if(hasPrometheus)("OP2 under load the query of every panel finds data that is not 0", async () => {
  await parley.prepare();
  const found = async (query: string) =>
    (await prometheus.range(query, 60)).some(({ values }) => values.some(([, value]) => value > 0));
  const without = new Map(
    queries.filter(({ expr }) => !ONLY_WITH_TLS.test(expr)).map(({ title, expr }) => [expr, title]),
  );
  await waitUntil("all panels have data", async () => {
    await parley.talk();
    for (const expr of without.keys()) if (await found(expr)) without.delete(expr);
    return without.size === 0;
  }).catch((error) => {
    throw new Error(`${(error as Error).message} Without data: ${[...without.values()].join(", ")}`);
  });
  expect(queries.length).toBeGreaterThan(25);
  expect(await prometheus.firing()).toEqual([]);
});

test.if(hasPrometheus)(
  "OP2 killing Redis fires exactly one alert, which clears when Redis is back",
  async () => {
    await parley.redis.kill();
    await waitUntil("an alert fires", async () => {
      await parley.talkInVain();
      return (await prometheus.firing()).length > 0;
    });
    expect(await prometheus.firing()).toEqual(["ParleyStoreDown"]);
    await parley.redis.restart();
    await waitUntil("no alert fires", async () => (await prometheus.firing()).length === 0);
    await parley.talk();
    // Each alert that has fired at any time, once for each set of labels.
    const fired = await prometheus.range('ALERTS{alertstate="firing"}', 600);
    expect(fired.map(({ metric }) => metric.alertname)).toEqual(["ParleyStoreDown"]);
    expect(parley.server.process.exitCode).toBeNull();
  },
);
