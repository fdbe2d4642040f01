import { styleText } from "node:util";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { type ExpectationResult, type FileResult, formatValue, hasFailed, summarize } from "./results.ts";

type Color = "green" | "red" | "yellow" | "dim" | "bold";

/** Colours a text, if colours are on. */
type Colorize = (colour: Color, text: string) => string;

/** Returns a function that colours texts, if `stream` is a terminal with colours and NO_COLOR is not set. */
export function colorsFor(stream: NodeJS.WriteStream): Colorize {
  return (colour, text) => styleText(colour, text, { stream });
}

/** Formats the results of one file for people: each difference with the expected and the received value, then a summary. */
export function formatReport({ file, results, seconds }: FileResult, colorize: Colorize): string {
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
  const head = failed.length === 0 ? colorize("green", "passed") : colorize("red", "FAILED");
  return [
    ...failed.flatMap((result) => [...formatFailure(file, result, colorize), ""]),
    `${head}  ${escapeControlChars(file)}: ${sum}`,
  ].join("\n");
}

const OUTCOME_TEXT: Readonly<Record<ExpectationResult["outcome"], string>> = {
  passed: "received as expected",
  different: "received, but different",
  missing: "not received",
  unexpected: "received, but not expected",
  halted: "could not be done",
  unreached: "not reached",
};

function formatFailure(file: string, result: ExpectationResult, colorize: Colorize): string[] {
  const { line, client, what, note, outcome, differences, why } = result;
  const location = escapeControlChars(line === undefined ? file : `${file}:${line}`);
  const lines = [
    `${colorize("bold", `${location}  ${escapeControlChars(client)}  ${escapeControlChars(what)}`)}  ${colorize("red", OUTCOME_TEXT[outcome])}`,
  ];
  if (note !== undefined) lines.push(colorize("dim", `    ${escapeControlChars(note)}`));
  if (why !== undefined) lines.push(`    ${escapeControlChars(why)}`);
  if (outcome === "missing" && differences.length > 0)
    lines.push(colorize("dim", "    a similar frame was received; the differences:"));
  for (const { path, expected, received } of differences)
    lines.push(
      `    ${escapeControlChars(path)}`,
      colorize("green", `      - expected  ${escapeControlChars(formatValue(expected))}`),
      colorize("red", `      + received  ${escapeControlChars(formatValue(received))}`),
    );
  return lines;
}
