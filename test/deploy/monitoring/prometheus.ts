import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../support/free-port.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

export const FOLDER = join(import.meta.dir, "../../../deploy/prometheus");

/** How much faster than in production the durations of the alerts pass. */
export const SCALE = 20;

/** Alerts on the speed and the life of a process keep their durations: on a busy machine a process does not run for seconds. */
const UNSCALED: ReadonlySet<string> = new Set(["ParleyNodeDown", "ParleyAcksSlow", "ParleyNodeBusy"]);

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Times in seconds since 1970, and values; those that are no number are left out. */
  readonly values: readonly (readonly [at: number, value: number])[];
}

/** The alert rules of deploy/prometheus. */
export function readRules(): readonly Rule[] {
  return parseRules().groups.flatMap(({ rules }) => rules);
}

function parseRules(): RuleFile {
  return Bun.YAML.parse(readFileSync(join(FOLDER, "alerts.yaml"), "utf8")) as RuleFile;
}

/** The rules with shorter durations, as YAML (of which JSON is a part). */
function scaledRules(): string {
  const scale = (text: string) =>
    text.replace(/^(\d+)([smh])$/, (_, count: string, unit: string) => {
      return `${Math.round((Number(count) * UNITS_MS[unit]!) / SCALE)}ms`;
    });
  const groups = parseRules().groups.map((group) => ({
    ...group,
    rules: group.rules.map((rule) => {
      if (UNSCALED.has(rule.alert)) return rule;
      const expr = rule.expr.replace(/\[(\w+)\]/g, (_, range: string) => `[${scale(range)}]`);
      return { ...rule, expr, ...(rule.for !== undefined && { for: scale(rule.for) }) };
    }),
  }));
  return JSON.stringify({ groups }, null, 2);
}

/** A real Prometheus on any free port of this machine, with the configuration and the alerts of deploy/prometheus. */
export class Prometheus implements AsyncDisposable {
  private constructor(
    readonly url: string,
    private readonly process: Bun.Subprocess,
    private readonly folder: string,
  ) {}

  /**
   * Starts it. It scrapes the hosts with ports in `targets`, with `key`. `intervalMs`: between two scrapes, and two evaluations of the
   * alerts.
   */
  static async start(targets: readonly string[], key: string, intervalMs: number): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), "parley-prometheus-"));
    const config = Bun.YAML.parse(readFileSync(join(FOLDER, "prometheus.yaml"), "utf8")) as {
      global: object;
      scrape_configs: { authorization: object; static_configs: object[] }[];
    };
    const interval = `${intervalMs}ms`;
    config.global = { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval };
    Object.assign(config.scrape_configs[0]!, {
      authorization: { credentials_file: join(folder, "key") },
      static_configs: [{ targets }],
    });
    writeFileSync(join(folder, "key"), key);
    writeFileSync(join(folder, "alerts.yaml"), scaledRules());
    writeFileSync(join(folder, "prometheus.yaml"), JSON.stringify(config));
    await Bun.$`promtool check config ${join(folder, "prometheus.yaml")}`.quiet();
    const address = `127.0.0.1:${await freePort()}`;
    const process = Bun.spawn(
      [
        "prometheus",
        `--config.file=${join(folder, "prometheus.yaml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=${address}`,
        "--log.level=error",
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "inherit" },
    );
    const started = new Prometheus(`http://${address}`, process, folder);
    await waitUntil("Prometheus is ready", async () => (await fetch(`${started.url}/-/ready`)).ok);
    return started;
  }

  /** The series of a query from `seconds` ago until now, by steps of `step` seconds. Throws where it is refused. */
  async range(query: string, seconds: number, step = 1): Promise<Series[]> {
    const end = Date.now() / 1000;
    const words = { query, start: `${end - seconds}`, end: `${end}`, step: `${step}` };
    const { result } = await this.get<{ result: { metric: Series["metric"]; values: [number, string][] }[] }>(
      `/api/v1/query_range?${new URLSearchParams(words)}`,
    );
    return result.map(({ metric, values }) => ({
      metric,
      values: values
        .map(([at, value]) => [at, Number(value)] as const)
        .filter(([, value]) => Number.isFinite(value)),
    }));
  }

  /** The names of the alerts that fire now, one for each series. */
  async firing(): Promise<string[]> {
    const { alerts } = await this.get<{ alerts: { labels: Record<string, string>; state: string }[] }>(
      "/api/v1/alerts",
    );
    return alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.alertname!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async get<T>(path: string): Promise<T> {
    const answer = (await (await fetch(this.url + path)).json()) as { data: T; error?: string };
    if (answer.error !== undefined) throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }
}
