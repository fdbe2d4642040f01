import { createInterface } from "node:readline/promises";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { CliError, UsageError } from "../cli-error.ts";

/** Asks for confirmation of an action that cannot be undone. Throws a `CliError` with the text `refusal` unless the answer is yes, and a `UsageError` without a terminal. */
export async function confirm(question: string, refusal: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new UsageError("There is no terminal to ask for confirmation: add --yes if you are sure.");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${escapeControlChars(question)} [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError(refusal);
}
