import { describe, expect, test } from "bun:test";
import { type CheckResult, type CheckStatus, worstStatus } from "../../../src/cli/doctor/check.ts";

/** The result of a check, in one line. */
export function sum({ findings }: CheckResult): string {
  const texts = findings.filter(({ mark }) => mark !== "ok").map(({ text }) => text);
  return [worstStatus(findings), ...texts].join(": ");
}

/** Each row: the mark, words of the finding, and the difference from the healthy facts. */
export type Row<Facts> = readonly [mark: CheckStatus, words: string, change: Partial<Facts>];

/** Evaluates the facts of each row, and healthy ones, which must be ok. */
export function describeEvaluation<Facts extends object>(
  what: string,
  healthy: Facts,
  evaluate: (facts: Facts) => CheckResult,
  rows: readonly Row<Facts>[],
): void {
  describe(what, () => {
    test("is ok when all facts are healthy", () => expect(sum(evaluate(healthy))).toBe("ok"));
    test.each(rows)("%s: %s", (mark, words, change) => {
      const result = evaluate({ ...healthy, ...change });
      expect(worstStatus(result.findings)).toBe(mark);
      expect(sum(result)).toContain(words);
    });
  });
}
