import type { RuleResult } from "./run.ts";

/** Counts the results by outcome. */
export function summarize(results: readonly RuleResult[]): Record<RuleResult["outcome"], number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { outcome } of results) counts[outcome]++;
  return counts;
}

/** Formats the results as a table, one line each, with the reason below those that did not pass; then a line with the counts. */
export function formatTable(results: readonly RuleResult[]): string {
  const lines = results.flatMap(({ rule, what, outcome, reason }) => {
    const row = `${rule.padEnd(4)}${(outcome === "failed" ? "FAILED" : outcome).padEnd(9)}${what}`;
    return reason === undefined ? [row] : [row, `${" ".repeat(13)}${reason}`];
  });
  const { passed, failed, skipped } = summarize(results);
  return [...lines, "", `${passed} passed, ${failed} failed, ${skipped} skipped`].join("\n");
}
