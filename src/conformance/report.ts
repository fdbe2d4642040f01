import type { RuleResult } from "./run.ts";

/** How many of the results have each outcome. */
export function summarize(results: readonly RuleResult[]): Record<RuleResult["outcome"], number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { outcome } of results) counts[outcome]++;
  return counts;
}

/** The results as a table, a line for each, the reason below what did not pass; then one line that counts them. */
export function formatTable(results: readonly RuleResult[]): string {
  const lines = results.flatMap(({ rule, what, outcome, reason }) => {
    const row = `${rule.padEnd(4)}${(outcome === "failed" ? "FAILED" : outcome).padEnd(9)}${what}`;
    return reason === undefined ? [row] : [row, `${" ".repeat(13)}${reason}`];
  });
  const { passed, failed, skipped } = summarize(results);
  return [...lines, "", `${passed} passed, ${failed} failed, ${skipped} skipped`].join("\n");
}
