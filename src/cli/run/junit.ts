// JUnit XML for continuous integration: a suite for each file, a case for each expectation.
import { type ExpectationResult, type FileResult, formatValue, hasFailed } from "./results.ts";

/** Returns the results of all files as a JUnit document. */
export function junitOf(files: readonly FileResult[]): string {
  const all = files.flatMap(({ results }) => results);
  const seconds = files.reduce((sum, file) => sum + file.seconds, 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="parley run" ${countsOf(all)} time="${seconds.toFixed(3)}">`,
    ...files.flatMap(suiteOf),
    "</testsuites>",
    "",
  ].join("\n");
}

function suiteOf({ file, results, seconds }: FileResult): string[] {
  return [
    `  <testsuite name="${escapeXml(file)}" ${countsOf(results)} time="${seconds.toFixed(3)}">`,
    ...results.flatMap((result) => caseOf(file, result)),
    "  </testsuite>",
  ];
}

function countsOf(results: readonly ExpectationResult[]): string {
  const failures = results.filter((result) => hasFailed(result) && result.outcome !== "halted").length;
  const errors = results.filter(({ outcome }) => outcome === "halted").length;
  const skipped = results.filter(({ outcome }) => outcome === "unreached").length;
  return `tests="${results.length}" failures="${failures}" errors="${errors}" skipped="${skipped}"`;
}

function caseOf(file: string, result: ExpectationResult): string[] {
  const { line, client, what, note, outcome, seconds, differences, why } = result;
  const name = [line === undefined ? undefined : `line ${line}:`, client, what, note && `(${note})`]
    .filter((part) => part !== undefined)
    .join(" ");
  const open = `    <testcase classname="${escapeXml(file)}" name="${escapeXml(name)}" time="${seconds.toFixed(3)}"`;
  if (outcome === "passed") return [`${open}/>`];
  if (outcome === "unreached")
    return [`${open}>`, '      <skipped message="the run ended before"/>', "    </testcase>"];
  const details = differences.map(
    ({ path, expected, received }) =>
      `${path}: expected ${formatValue(expected)}, received ${formatValue(received)}`,
  );
  const message = outcome === "unexpected" ? "not expected" : (why ?? details[0] ?? outcome);
  const tag = outcome === "halted" ? "error" : "failure";
  const text = escapeXml([why, ...details].filter((part) => part !== undefined).join("\n"));
  return [
    `${open}>`,
    `      <${tag} type="${outcome}" message="${escapeXml(message)}">${text}</${tag}>`,
    "    </testcase>",
  ];
}

/** Characters that XML 1.0 cannot contain, not even escaped. */
const NO_XML = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;

function escapeXml(text: string): string {
  return (
    text
      .replace(NO_XML, "\uFFFD")
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      // In an attribute, a parser would turn them into blanks.
      .replace(/[\t\n\r]/g, (blank) => `&#${blank.charCodeAt(0)};`)
  );
}
