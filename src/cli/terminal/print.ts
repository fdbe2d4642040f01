import { escapedJson, escapedOutput, escapeInvisible } from "../../core/escape-control-chars.ts";

// Everything that a command prints goes through here, so that no text of others reaches a terminal as it is. A value from
// outside that stands in a line must be made `harmless` where the line is made: here nobody can tell its line ends and
// colours from Parley's own. A test finds what prints otherwise (test/cli/terminal/print.test.ts).

/** Prints lines on standard output; they may hold colours. */
export function print(text: string): void {
  write(process.stdout, `${text}\n`);
}

/**
 * Prints a value as JSON on standard output, which says the same to whoever parses it. Returns false where more should
 * wait for `drain`.
 */
export function printJson(value: unknown, indent?: number): boolean {
  return process.stdout.write(`${escapedJson(value, indent)}\n`);
}

/** The same for one value that is encoded already. */
export function printEncodedJson(json: string): boolean {
  return process.stdout.write(`${escapeInvisible(json)}\n`);
}

/** Prints lines on standard error: what is no result. */
export function printNote(text: string): void {
  write(process.stderr, `${text}\n`);
}

/** Writes text as it is, with its line ends and colours and nothing else that a terminal obeys. */
export function write(stream: NodeJS.WriteStream, text: string): void {
  stream.write(escapedOutput(text));
}

/**
 * Ends the process without a word when nobody reads its output any more (`parley conversation export | head`), unless
 * the command listens for that itself.
 */
export function exitOnClosedPipe(): void {
  const { stdout, stderr } = process;
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (stdout.listenerCount("error") === 1) process.exit(error.code === "EPIPE" ? 0 : 1);
  });
  // What would be said there is gone; the command itself goes on.
  stderr.on("error", () => {});
}

/** Draws `text`, which is harmless, in the place of the row of standard error that the cursor is in. */
export function drawStatusLine(text: string): void {
  process.stderr.write(`\r${text}\x1b[K`);
}
