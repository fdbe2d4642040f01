import { CommanderError } from "commander";

/** Ends a command with exit code 1. Its message has one line for each problem, for people. */
export class CliError extends Error {
  readonly lines: readonly string[];
  /** 1: rejected or failed; subclasses have other codes. */
  readonly exitCode: number = 1;

  constructor(...lines: string[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}

/**
 * Ends a command with exit code 2: the call is wrong, whatever the store or the server has. That is a word, a flag or a setting
 * (of the environment and `.env`, too) that is missing or has a wrong value. Thrown before the store is opened or a server asked.
 */
export class UsageError extends CliError {
  override readonly exitCode = 2;
}

/** Ends a command with exit code 130: Ctrl+C was pressed while the terminal sends it as a character. */
export class Interrupted extends CliError {
  override readonly exitCode = 130;
}

/** Returns the exit code of a command that ended with `error`; the only place where that is decided. */
export function exitCodeOf(error: unknown): number {
  // commander's own codes: 0 after the help, 1 for each usage error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof CliError ? error.exitCode : 1;
}

/** Returns the lines to print for `error`: those of a `CliError`, or the message of any other error on one line, without a stack. */
export function errorLines(error: unknown): readonly string[] {
  if (error instanceof CliError) return error.lines;
  return [(error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, " ")];
}
