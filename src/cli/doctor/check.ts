import { errorLines } from "../cli-error.ts";
import type { DoctorFacts } from "./facts.ts";

/** `skipped`: it could not be looked at, or does not apply, and the text says why. */
export type CheckStatus = "ok" | "warning" | "problem" | "skipped";

/** One thing that was found, in one sentence for a person, and what to do about it. */
export interface Finding {
  readonly mark: CheckStatus;
  readonly text: string;
  readonly advice?: string;
}

/** Measured values by name; the name ends with the unit: `free_bytes`, `ack_seconds`. */
export type Measurements = Readonly<Record<string, number>>;

/** What was found about one thing. There is at least one finding. */
export interface CheckResult {
  readonly findings: readonly Finding[];
  readonly values?: Measurements;
}

/** A judgement, and the thing that it is about. */
export interface CheckReport extends CheckResult {
  readonly check: string;
}

/** One thing that the doctor looks at. */
export interface Check {
  /** One word, as reports show it: `certificate`. */
  readonly name: string;
  run(situation: DoctorFacts): Promise<CheckResult>;
}

/** The two halves of a check: one looks and decides nothing, the other decides and looks at nothing. */
export interface CheckDefinition<Facts> {
  readonly name: string;
  /** Looks. Answers a text where there is nothing to look at: why the check is skipped. */
  collect(situation: DoctorFacts): Promise<Facts | string> | Facts | string;
  /** Decides. Without a finding that is worse, the first one says that all is well. */
  evaluate(facts: Facts): CheckResult;
}

/** Joins the halves. Whatever `gather` throws is a problem of this check, and keeps no other from being made. */
export function defineCheck<Facts extends object>({
  name,
  collect: gather,
  evaluate: judge,
}: CheckDefinition<Facts>): Check {
  return {
    name,
    async run(situation) {
      try {
        const facts = await gather(situation);
        return typeof facts === "string" ? skipped(facts) : judge(facts);
      } catch (error) {
        return { findings: errorLines(error).map((text) => ({ mark: "problem", text })) };
      }
    },
  };
}

/** A judgement of what was not looked at. */
export function skipped(text: string): CheckResult {
  return { findings: [{ mark: "skipped", text }] };
}

/** `faults`, or where there are none that all is well. */
export function findingsOr(findings: readonly Finding[], okText: string): Finding[] {
  return findings.length > 0 ? [...findings] : [{ mark: "ok", text: okText }];
}

/** Milliseconds as seconds, for `Values`: to a tenth of a millisecond. */
export function toSeconds(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10_000;
}

const SEVERITY_ORDER: readonly CheckStatus[] = ["skipped", "ok", "warning", "problem"];

/** The worst mark among `findings`. */
export function worstStatus(findings: readonly Finding[]): CheckStatus {
  return findings.reduce<CheckStatus>(
    (mark, finding) =>
      SEVERITY_ORDER.indexOf(finding.mark) > SEVERITY_ORDER.indexOf(mark) ? finding.mark : mark,
    "skipped",
  );
}
