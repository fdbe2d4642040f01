import { styleText } from "node:util";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { type ExpectationResult, type FileResult, formatValue, hasFailed, summarize } from "./results.ts";

type Color = "green" | "red" | "yellow" | "dim" | "bold";

/** Paints a text where a person sees it, unless NO_COLOR is set. */
type Colorize = (colour: Color, text: string) => string;

/** Paints what goes to a terminal that has colours, unless NO_COLOR is set. */
export function colorsFor(stream: NodeJS.WriteStream): Colorize {
  return (colour, text) => styleText(colour, text, { stream });
}

/** What a person reads of one file: each thing that is not as expected, with what was expected and what came; then a sum. */
export function formatReport({ file, results, seconds }: FileResult, paint: Colorize): string {
  const failed = results.filter(hasFailed);
  const counts = summarize(results);
  const expectations = results.length - counts.unexpected - counts.halted;
  const sum = [
    `${counts.passed} of ${expectations} as expected`,
    ...(["different", "missing", "unexpected", "unreached"] as const)
      .filter((outcome) => counts[outcome] > 0)
      .map((outcome) => `${counts[outcome]} ${outcome === "unreached" ? "not reached" : outcome}`),
    `${seconds.toFixed(2)} s`,
  ].join(", ");
  const head = failed.length === 0 ? paint("green", "passed") : paint("red", "FAILED");
  return [
    ...failed.flatMap((result) => [...formatFailure(file, result, paint), ""]),
    `${head}  ${escapeControlChars(file)}: ${sum}`,
  ].join("\n");
}

const OUTCOME_TEXT: Readonly<Record<ExpectationResult["outcome"], string>> = {
  passed: "came as expected",
  different: "came, but is different",
  missing: "did not come",
  unexpected: "came, and nothing expects it",
  halted: "could not be done",
  unreached: "was not reached",
};

function formatFailure(file: string, result: ExpectationResult, paint: Colorize): string[] {
  const { line, client, what, note, outcome, differences, why } = result;
  const location = escapeControlChars(line === undefined ? file : `${file}:${line}`);
  const lines = [
    `${paint("bold", `${location}  ${escapeControlChars(client)}  ${escapeControlChars(what)}`)}  ${paint("red", OUTCOME_TEXT[outcome])}`,
  ];
  if (note !== undefined) lines.push(paint("dim", `    ${escapeControlChars(note)}`));
  if (why !== undefined) lines.push(`    ${escapeControlChars(why)}`);
  if (outcome === "missing" && differences.length > 0)
    lines.push(paint("dim", "    another frame came, which differs from it:"));
  for (const { path, expected, came } of differences)
    lines.push(
      `    ${escapeControlChars(path)}`,
      paint("green", `      - expected  ${escapeControlChars(formatValue(expected))}`),
      paint("red", `      + came      ${escapeControlChars(formatValue(came))}`),
    );
  return lines;
}
