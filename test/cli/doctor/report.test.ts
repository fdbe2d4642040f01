import { expect, test } from "bun:test";
import type { CheckReport } from "../../../src/cli/doctor/check.ts";
import { EXIT_CODES, formatReports, overallStatus } from "../../../src/cli/doctor/report.ts";

const REPORTS: readonly CheckReport[] = [
  { check: "settings", findings: [{ mark: "ok", text: "They are good." }] },
  {
    check: "folder",
    findings: [
      { mark: "warning", text: "Others can read a|b.", advice: "chmod 600 it" },
      { mark: "warning", text: "Little\nroom." },
    ],
    values: { free_bytes: 500 },
  },
  { check: "redis", findings: [{ mark: "skipped", text: "There is none." }] },
  { check: "talk", findings: [{ mark: "ok", text: "Went well." }], values: { ack_seconds: 0.002 } },
];

const GONE: CheckReport = { check: "server", findings: [{ mark: "problem", text: "Gone." }] };

test("text has a line for each finding, the advice below it, and a line that counts the checks", () => {
  expect(formatReports("text", REPORTS).split("\n")).toEqual([
    "ok       settings  They are good.",
    "warning  folder    Others can read a|b.",
    "                   chmod 600 it",
    // A line end in a value is escaped: it could forge a line.
    "warning  folder    Little␊room.",
    "skipped  redis     There is none.",
    "ok       talk      Went well.",
    "",
    "2 ok, 1 warning, 0 problems, 1 skipped",
  ]);
});

test("JSON has the worst result, and every finding and value by check", () => {
  const { result, checks } = JSON.parse(formatReports("json", REPORTS));
  expect(result).toBe("warning");
  expect(checks.map((each: Record<string, unknown>) => `${each.check} ${each.result}`)).toEqual([
    "settings ok",
    "folder warning",
    "redis skipped",
    "talk ok",
  ]);
  expect(checks[1].findings[0]).toEqual({
    mark: "warning",
    text: "Others can read a|b.",
    advice: "chmod 600 it",
  });
  expect(checks[3].values).toEqual({ ack_seconds: 0.002 });
});

test("Prometheus gets a gauge for each check that ran, and one for each value", () => {
  expect(formatReports("prometheus", REPORTS).split("\n")).toEqual([
    "# HELP parley_doctor_result Result of a check: 0 ok, 1 warning, 2 problem.",
    "# TYPE parley_doctor_result gauge",
    'parley_doctor_result{check="settings"} 0',
    'parley_doctor_result{check="folder"} 1',
    'parley_doctor_result{check="talk"} 0',
    "# TYPE parley_doctor_folder_free_bytes gauge",
    "parley_doctor_folder_free_bytes 500",
    "# TYPE parley_doctor_talk_ack_seconds gauge",
    "parley_doctor_talk_ack_seconds 0.002",
  ]);
});

test("Nagios gets one line with the worst finding and performance data behind the only bar, then the rest", () => {
  const [first, ...rest] = formatReports("nagios", REPORTS).split("\n");
  expect(first).toBe(
    "PARLEY WARNING - folder: Others can read a/b. folder: Little room. | folder_free=500B talk_ack=0.002s",
  );
  expect(rest).toEqual([
    "ok settings: They are good.",
    "warning folder: Others can read a/b. chmod 600 it",
    "warning folder: Little room.",
    "skipped redis: There is none.",
    "ok talk: Went well.",
  ]);
  expect(formatReports("nagios", [...REPORTS, GONE])).toStartWith("PARLEY CRITICAL - server: Gone. | ");
  expect(formatReports("nagios", [REPORTS[0]!, REPORTS[2]!])).toStartWith("PARLEY OK - 1 ok, 0 warnings");
});

test("the exit code is that of the worst finding, with Nagios's numbers", () => {
  const code = (...reports: CheckReport[]) => EXIT_CODES[overallStatus(reports)];
  const [settings, folder, redis] = REPORTS;
  expect([code(settings!, redis!), code(redis!), code(settings!, folder!), code(folder!, GONE)]).toEqual([
    0, 0, 1, 2,
  ]);
});
