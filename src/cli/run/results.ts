import type { Difference } from "../../scenario/compare/compare-frames.ts";
import { type Payload, typeOf } from "../../scenario/format/recording.ts";
import type { ExpectationOutcome, Unexpected } from "../../scenario/run/outcome.ts";
import type { Expectation, Plan } from "../../scenario/run/plan.ts";
import type { ScenarioRunner } from "../../scenario/run/runner.ts";

/** The result of one expectation of a file, or of an event that it does not expect. */
export interface ExpectationResult {
  /** The line in the file; undefined for unexpected events. */
  readonly line?: number;
  readonly client: string;
  /** `message "m1"`, `close 4408`. */
  readonly what: string;
  readonly note?: string;
  readonly outcome: ExpectationOutcome["kind"] | "unexpected" | "halted" | "unreached";
  readonly seconds: number;
  readonly differences: readonly Difference[];
  /** An explanation, if the differences are not enough; for an unexpected frame its content. */
  readonly why?: string;
}

/** The results of one file. */
export interface FileResult {
  readonly file: string;
  readonly clients: number;
  readonly results: readonly ExpectationResult[];
  readonly seconds: number;
}

export function hasFailed({ outcome }: ExpectationResult): boolean {
  return outcome !== "passed" && outcome !== "unreached";
}

/** Counts the results by outcome. */
export function summarize(
  results: readonly ExpectationResult[],
): Record<ExpectationResult["outcome"], number> {
  const counts = { passed: 0, different: 0, missing: 0, unexpected: 0, halted: 0, unreached: 0 };
  for (const { outcome } of results) counts[outcome]++;
  return counts;
}

/** Returns the results of a finished run: expectations in the order of the file, then unexpected events. */
export function resultsOf({ steps }: Plan, runner: ScenarioRunner): ExpectationResult[] {
  const expected = steps
    .filter((step): step is Expectation => step.kind === "receive" || step.kind === "expect_close")
    .map((step) => resultOf(step, runner.outcomes.get(step.index)));
  const { abort } = runner;
  const aborted: ExpectationResult[] = abort
    ? [
        {
          ...(abort.action.entry.line !== undefined && { line: abort.action.entry.line }),
          client: abort.action.connection.client,
          what: ACTION_TEXT[abort.action.kind],
          outcome: "halted",
          seconds: 0,
          differences: [],
          why: abort.why,
        },
      ]
    : [];
  return [...expected, ...aborted, ...runner.unexpected.map(unexpectedResult)];
}

const ACTION_TEXT = {
  open: "opening a connection",
  send: "sending",
  fault: "requesting a fault",
  close: "closing",
} as const;

function resultOf(step: Expectation, outcome: ExpectationOutcome | undefined): ExpectationResult {
  const { entry, connection } = step;
  const { line, note } = entry;
  const base = {
    ...(line !== undefined && { line }),
    ...(note !== undefined && { note }),
    client: connection.client,
    what: step.kind === "expect_close" ? `close ${step.entry.code}` : describe(step.entry),
  };
  if (outcome === undefined) return { ...base, outcome: "unreached", seconds: 0, differences: [] };
  const seconds = outcome.tookMs / 1000;
  switch (outcome.kind) {
    case "passed":
      return { ...base, outcome: "passed", seconds, differences: [] };
    case "different":
      return { ...base, outcome: "different", seconds, differences: outcome.differences };
    case "missing": {
      const { why, hint = [] } = outcome;
      return { ...base, outcome: "missing", seconds, differences: hint, why };
    }
    default:
      return outcome satisfies never;
  }
}

function unexpectedResult({ client, what }: Unexpected): ExpectationResult {
  const base = { client, outcome: "unexpected", seconds: 0, differences: [] } as const;
  if ("close" in what) {
    const reason = what.reason === "" ? "" : ` (${what.reason})`;
    return {
      ...base,
      what: `close ${what.close}${reason}`,
      why: "the connection was closed, which is not expected",
    };
  }
  return {
    ...base,
    what: describe(what),
    why: `not expected: ${shorten(JSON.stringify(contentOf(what)))}`,
  };
}

/** Describes a frame in a few words: its type, and the field that identifies it. */
export function describe(payload: Payload): string {
  const type = typeOf(payload);
  const { frame } = payload;
  const label = frame?.id ?? frame?.code ?? frame?.user;
  return label === undefined ? type : `${type} ${JSON.stringify(label)}`;
}

function contentOf(payload: Payload): unknown {
  return payload.frame ?? payload.raw ?? payload.bytes;
}

/** Longest text of a frame that is shown. */
const MAX_SHOWN_LENGTH = 300;

function shorten(text: string): string {
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}

/** Formats a value as in a file; a missing value as `nothing`. */
export function formatValue(value: unknown): string {
  return value === undefined ? "nothing" : shorten(JSON.stringify(value));
}
