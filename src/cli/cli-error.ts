/** Ends a command with exit code 1 and says why: one line for each thing that is wrong, for a person. */
export class CliError extends Error {
  readonly lines: readonly string[];
  /** 1 refused or failed; subclasses have others. */
  readonly exitCode: number = 1;

  constructor(...lines: string[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}

/** Ends a command with exit code 2: it was called wrongly in a way that commander does not see. */
export class UsageError extends CliError {
  override readonly exitCode = 2;
}

/** Ends a command with exit code 130: somebody pressed Ctrl+C where the terminal sends it as a character. */
export class Interrupted extends CliError {
  override readonly exitCode = 130;
}

/** What to print for `error`: what a command refused in its own words, and anything else on one line without a stack. */
export function errorLines(error: unknown): readonly string[] {
  if (error instanceof CliError) return error.lines;
  return [(error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, " ")];
}
