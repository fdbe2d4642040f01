/** Ends a command with exit code 1 and says why: one line for each thing that is wrong, for a person. */
export class Failure extends Error {
  readonly lines: readonly string[];

  constructor(...lines: string[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}

/** What to print for `error`: what a command refused in its own words, and anything else on one line without a stack. */
export function failureLines(error: unknown): readonly string[] {
  if (error instanceof Failure) return error.lines;
  return [(error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, " ")];
}
