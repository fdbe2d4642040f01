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

/** Ends a command with exit code 2: a usage error that commander does not detect. */
export class UsageError extends CliError {
  override readonly exitCode = 2;
}

/** Ends a command with exit code 130: Ctrl+C was pressed while the terminal sends it as a character. */
export class Interrupted extends CliError {
  override readonly exitCode = 130;
}

/** Returns the lines to print for `error`: those of a `CliError`, or the message of any other error on one line, without a stack. */
export function errorLines(error: unknown): readonly string[] {
  if (error instanceof CliError) return error.lines;
  return [(error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, " ")];
}
