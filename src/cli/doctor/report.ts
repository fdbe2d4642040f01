import { styleText } from "node:util";
import { escapeControlChars, escapedJson } from "../../core/escape-control-chars.ts";
import { type CheckReport, type CheckStatus, type Finding, worstStatus } from "./check.ts";

/** The formats of reports. */
export const FORMATS = ["text", "json", "prometheus", "nagios"] as const;
export type Format = (typeof FORMATS)[number];

/** The exit code for the worst mark, as in Nagios plug-ins. */
export const EXIT_CODES: Readonly<Record<CheckStatus, number>> = {
  skipped: 0,
  ok: 0,
  warning: 1,
  problem: 2,
};

/** Returns the worst mark of all reports. */
export function overallStatus(reports: readonly CheckReport[]): CheckStatus {
  return worstStatus(reports.flatMap(({ findings }) => findings));
}

/** Formats the reports, without a final line end. */
export function formatReports(format: Format, reports: readonly CheckReport[]): string {
  return WRITERS[format](reports);
}

const WRITERS: Readonly<Record<Format, (reports: readonly CheckReport[]) => string>> = {
  text: formatText,
  json: formatJson,
  prometheus: formatPrometheus,
  nagios: formatNagios,
};

const STATUS_COLORS = { ok: "green", warning: "yellow", problem: "red", skipped: "dim" } as const;

/** Formats one line per finding, with its advice below; with colours on a terminal that has them. */
function formatText(reports: readonly CheckReport[]): string {
  const name = Math.max(...reports.map(({ check }) => check.length));
  const indent = " ".repeat(STATUS_WIDTH + name + 4);
  const lines = reports.flatMap(({ check, findings }) =>
    findings.flatMap(({ mark, text, advice }) => [
      `${styleText(STATUS_COLORS[mark], mark.padEnd(STATUS_WIDTH))}  ${check.padEnd(name)}  ${escapeControlChars(text)}`,
      ...(advice === undefined ? [] : [`${indent}${escapeControlChars(advice)}`]),
    ]),
  );
  return [...lines, "", summarize(reports)].join("\n");
}

const STATUS_WIDTH = "problem".length;

function summarize(reports: readonly CheckReport[]): string {
  const marks = reports.map(({ findings }) => worstStatus(findings));
  const count = (mark: CheckStatus) => marks.filter((each) => each === mark).length;
  const some = (count: number, one: string) => `${count} ${one}${count === 1 ? "" : "s"}`;
  return `${count("ok")} ok, ${some(count("warning"), "warning")}, ${some(count("problem"), "problem")}, ${count("skipped")} skipped`;
}

function formatJson(reports: readonly CheckReport[]): string {
  const checks = reports.map(({ check, findings, values = {} }) => ({
    check,
    result: worstStatus(findings),
    findings,
    values,
  }));
  return escapedJson({ result: overallStatus(reports), checks }, 2);
}

/** Formats metrics for Prometheus's node exporter (text file collector). Skipped checks are omitted. */
function formatPrometheus(reports: readonly CheckReport[]): string {
  const lines = [
    "# HELP parley_doctor_result Result of a check: 0 ok, 1 warning, 2 problem.",
    "# TYPE parley_doctor_result gauge",
  ];
  for (const { check, findings } of reports) {
    const mark = worstStatus(findings);
    if (mark !== "skipped") lines.push(`parley_doctor_result{check="${check}"} ${EXIT_CODES[mark]}`);
  }
  for (const { check, values = {} } of reports)
    for (const [name, value] of Object.entries(values)) {
      const metric = `parley_doctor_${check}_${name}`;
      lines.push(`# TYPE ${metric} gauge`, `${metric} ${value}`);
    }
  return lines.join("\n");
}

const NAGIOS_STATES: Readonly<Record<CheckStatus, string>> = {
  skipped: "OK",
  ok: "OK",
  warning: "WARNING",
  problem: "CRITICAL",
};

/** Formats Nagios plug-in output: a line with performance data after a bar, then a line for each finding. */
function formatNagios(reports: readonly CheckReport[]): string {
  const mark = overallStatus(reports);
  const all = reports.flatMap(({ check, findings }) => findings.map((finding) => ({ check, finding })));
  const worstOnes = all.filter(({ finding }) => finding.mark === mark);
  const isOk = EXIT_CODES[mark] === 0;
  const summary = isOk
    ? summarize(reports)
    : worstOnes.map(({ check, finding }) => `${check}: ${finding.text}`).join(" ");
  const data = reports.flatMap(({ check, values = {} }) =>
    Object.entries(values).map(([name, value]) => performanceData(check, name, value)),
  );
  const lines = all.map(({ check, finding }) => `${finding.mark} ${check}: ${oneLine(finding)}`);
  return [
    `PARLEY ${NAGIOS_STATES[mark]} - ${nagiosText(summary)} | ${data.join(" ")}`.trimEnd(),
    ...lines.map(nagiosText),
  ].join("\n");
}

/** Returns `ack_seconds` as `round_trip_ack=0.003s`, `free_bytes` as `data_dir_free=123B`. */
function performanceData(check: string, name: string, value: number): string {
  const [, stem = name, unit = ""] = /^(.*?)_?(seconds|bytes)?$/.exec(name) ?? [];
  const label = [check, stem].filter((word) => word !== "").join("_");
  return `${label}=${value}${unit === "seconds" ? "s" : unit === "bytes" ? "B" : ""}`;
}

function oneLine({ text, advice }: Finding): string {
  return advice === undefined ? text : `${text} ${advice}`;
}

/** Replaces bars, which would begin the performance data, and line ends. */
function nagiosText(text: string): string {
  return escapeControlChars(text.replaceAll("|", "/").replace(/\s*\n\s*/g, " "));
}
