import { failureLines } from "../failure.ts";
import type { Situation } from "./situation.ts";

/** `skipped`: it could not be looked at, or does not apply, and the text says why. */
export type Mark = "ok" | "warning" | "problem" | "skipped";

/** One thing that was found, in one sentence for a person, and what to do about it. */
export interface Finding {
  readonly mark: Mark;
  readonly text: string;
  readonly advice?: string;
}

/** Measured values by name; the name ends with the unit: `free_bytes`, `ack_seconds`. */
export type Values = Readonly<Record<string, number>>;

/** What was found about one thing. There is at least one finding. */
export interface Judgement {
  readonly findings: readonly Finding[];
  readonly values?: Values;
}

/** A judgement, and the thing that it is about. */
export interface Report extends Judgement {
  readonly check: string;
}

/** One thing that the doctor looks at. */
export interface Check {
  /** One word, as reports show it: `certificate`. */
  readonly name: string;
  examine(situation: Situation): Promise<Judgement>;
}

/** The two halves of a check: one looks and decides nothing, the other decides and looks at nothing. */
export interface CheckParts<Facts> {
  readonly name: string;
  /** Looks. Answers a text where there is nothing to look at: why the check is skipped. */
  gather(situation: Situation): Promise<Facts | string> | Facts | string;
  /** Decides. Without a finding that is worse, the first one says that all is well. */
  judge(facts: Facts): Judgement;
}

/** Joins the halves. Whatever `gather` throws is a problem of this check, and keeps no other from being made. */
export function checkOf<Facts extends object>({ name, gather, judge }: CheckParts<Facts>): Check {
  return {
    name,
    async examine(situation) {
      try {
        const facts = await gather(situation);
        return typeof facts === "string" ? skipped(facts) : judge(facts);
      } catch (error) {
        return { findings: failureLines(error).map((text) => ({ mark: "problem", text })) };
      }
    },
  };
}

/** A judgement of what was not looked at. */
export function skipped(text: string): Judgement {
  return { findings: [{ mark: "skipped", text }] };
}

/** `faults`, or where there are none that all is well. */
export function unless(faults: readonly Finding[], well: string): Finding[] {
  return faults.length > 0 ? [...faults] : [{ mark: "ok", text: well }];
}

/** Milliseconds as seconds, for `Values`: to a tenth of a millisecond. */
export function inSeconds(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10_000;
}

const ORDER: readonly Mark[] = ["skipped", "ok", "warning", "problem"];

/** The worst mark among `findings`. */
export function worst(findings: readonly Finding[]): Mark {
  return findings.reduce<Mark>(
    (mark, finding) => (ORDER.indexOf(finding.mark) > ORDER.indexOf(mark) ? finding.mark : mark),
    "skipped",
  );
}
