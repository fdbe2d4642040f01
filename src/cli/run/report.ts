import { styleText } from "node:util";
import { escapeControlChars } from "../../core/harmless.ts";
import { type FileResult, hasFailed, type Result, shown, tally } from "./results.ts";

type Colour = "green" | "red" | "yellow" | "dim" | "bold";

/** Paints a text where a person sees it, unless NO_COLOR is set. */
type Paint = (colour: Colour, text: string) => string;

/** Paints what goes to a terminal that has colours, unless NO_COLOR is set. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return (colour, text) => styleText(colour, text, { stream });
}

/** What a person reads of one file: each thing that is not as expected, with what was expected and what came; then a sum. */
export function reportOf({ file, results, seconds }: FileResult, paint: Paint): string {
  const failed = results.filter(hasFailed);
  const counts = tally(results);
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
    ...failed.flatMap((result) => [...linesOf(file, result, paint), ""]),
    `${head}  ${escapeControlChars(file)}: ${sum}`,
  ].join("\n");
}

const WORDS: Readonly<Record<Result["outcome"], string>> = {
  passed: "came as expected",
  different: "came, but is different",
  missing: "did not come",
  unexpected: "came, and nothing expects it",
  halted: "could not be done",
  unreached: "was not reached",
};

function linesOf(file: string, result: Result, paint: Paint): string[] {
  const { line, client, what, note, outcome, differences, why } = result;
  const place = escapeControlChars(line === undefined ? file : `${file}:${line}`);
  const lines = [
    `${paint("bold", `${place}  ${escapeControlChars(client)}  ${escapeControlChars(what)}`)}  ${paint("red", WORDS[outcome])}`,
  ];
  if (note !== undefined) lines.push(paint("dim", `    ${escapeControlChars(note)}`));
  if (why !== undefined) lines.push(`    ${escapeControlChars(why)}`);
  if (outcome === "missing" && differences.length > 0)
    lines.push(paint("dim", "    another frame came, which differs from it:"));
  for (const { path, expected, came } of differences)
    lines.push(
      `    ${escapeControlChars(path)}`,
      paint("green", `      - expected  ${escapeControlChars(shown(expected))}`),
      paint("red", `      + came      ${escapeControlChars(shown(came))}`),
    );
  return lines;
}
