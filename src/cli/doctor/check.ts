import { errorLines } from "../cli-error.ts";
import type { DoctorFacts } from "./facts.ts";

/** `skipped`: the check was not possible or does not apply; the text gives the reason. */
export type CheckStatus = "ok" | "warning" | "problem" | "skipped";

/** One finding, in one sentence for people, and what to do about it. */
export interface Finding {
  readonly mark: CheckStatus;
  readonly text: string;
  readonly advice?: string;
}

/** Measured values by name; the name ends with the unit: `free_bytes`, `ack_seconds`. */
export type Measurements = Readonly<Record<string, number>>;

/** The result of a check. It has at least one finding. */
export interface CheckResult {
  readonly findings: readonly Finding[];
  readonly values?: Measurements;
}

/** A result, and the name of its check. */
export interface CheckReport extends CheckResult {
  readonly check: string;
}

/** One check of the doctor. */
export interface Check {
  /** The name in reports, such as `certificate`. */
  readonly name: string;
  run(facts: DoctorFacts): Promise<CheckResult>;
}

/** The two parts of a check: one collects facts, the other evaluates them without I/O. */
export interface CheckDefinition<Facts> {
  readonly name: string;
  /** Collects the facts, or returns the reason for skipping the check. */
  collect(facts: DoctorFacts): Promise<Facts | string> | Facts | string;
  /** Evaluates the facts. Without a warning or problem, the first finding is `ok`. */
  evaluate(facts: Facts): CheckResult;
}

/** Combines the parts. An error of `collect` is a problem of this check, and does not stop the others. */
export function defineCheck<Facts extends object>({
  name,
  collect,
  evaluate,
}: CheckDefinition<Facts>): Check {
  return {
    name,
    async run(doctorFacts) {
      try {
        const facts = await collect(doctorFacts);
        return typeof facts === "string" ? skipped(facts) : evaluate(facts);
      } catch (error) {
        return { findings: errorLines(error).map((text) => ({ mark: "problem", text })) };
      }
    },
  };
}

/** Returns the result of a skipped check. */
export function skipped(text: string): CheckResult {
  return { findings: [{ mark: "skipped", text }] };
}

/** Returns `findings`; if there are none, one that is `ok`. */
export function findingsOr(findings: readonly Finding[], okText: string): Finding[] {
  return findings.length > 0 ? [...findings] : [{ mark: "ok", text: okText }];
}

/** Converts milliseconds to seconds for `Measurements`, rounded to a tenth of a millisecond. */
export function toSeconds(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10_000;
}

const SEVERITY_ORDER: readonly CheckStatus[] = ["skipped", "ok", "warning", "problem"];

/** Returns the worst mark of `findings`. */
export function worstStatus(findings: readonly Finding[]): CheckStatus {
  return findings.reduce<CheckStatus>(
    (mark, finding) =>
      SEVERITY_ORDER.indexOf(finding.mark) > SEVERITY_ORDER.indexOf(mark) ? finding.mark : mark,
    "skipped",
  );
}
