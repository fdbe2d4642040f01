import { createInterface } from "node:readline/promises";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { CliError } from "../cli-error.ts";

/** Asks a person before what cannot be taken back. Throws a `CliError` that says `refused` unless the answer is yes. */
export async function confirm(question: string, refusal: string): Promise<void> {
  if (!process.stdin.isTTY) throw new CliError("There is no terminal to ask on: add --yes if you are sure.");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${escapeControlChars(question)} [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError(refusal);
}
