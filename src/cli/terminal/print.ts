import { escapedJson, escapedOutput, escapeInvisible } from "../../core/escape-control-chars.ts";

// All output of commands goes through this file, so that no control characters from other users reach a terminal. A foreign
// value in a line must be escaped where the line is formatted: here its line ends and colours look like Parley's own. A test
// finds other ways of printing (test/cli/terminal/print.test.ts).

/** Prints lines on standard output; they may hold colours. */
export function print(text: string): void {
  write(process.stdout, `${text}\n`);
}

/**
 * Prints a value as JSON on standard output, escaped so that it still parses to the same value. Returns false if further
 * output should wait for `drain`.
 */
export function printJson(value: unknown, indent?: number): boolean {
  return process.stdout.write(`${escapedJson(value, indent)}\n`);
}

/**
 * Prints values that are encoded as JSON, one a line, as fast as they are read by others; `wrote` gets their number so far.
 * Resolves when all are written, and rejects as `lines` does, with those before written.
 */
export async function printEncodedLines(
  lines: AsyncIterable<string>,
  wrote: (count: number) => void = () => {},
): Promise<void> {
  const { stdout } = process;
  // `once` of node:events would reject for a closed pipe, and so keep `exitOnClosedPipe` from ending the process.
  const drained = () => new Promise<void>((resolve) => stdout.once("drain", resolve));
  let count = 0;
  try {
    for await (const line of lines) {
      const goesOn = stdout.write(`${escapeInvisible(line)}\n`);
      wrote(++count);
      if (!goesOn) await drained();
    }
  } finally {
    // The end of the process does not wait for it.
    await new Promise<void>((resolve) => stdout.write("", () => resolve()));
  }
}

/** Prints lines on standard error, for anything that is not a result. */
export function printNote(text: string): void {
  write(process.stderr, `${text}\n`);
}

/** Writes text with its line ends and colours; other control characters are escaped. */
export function write(stream: NodeJS.WriteStream, text: string): void {
  stream.write(escapedOutput(text));
}

/**
 * Ends the process silently when the reader of its output has closed the pipe (`parley conversation export | head`), unless
 * the command handles that itself.
 */
export function exitOnClosedPipe(): void {
  const { stdout, stderr } = process;
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (stdout.listenerCount("error") === 1) process.exit(error.code === "EPIPE" ? 0 : 1);
  });
  // Notes are lost, but the command continues.
  stderr.on("error", () => {});
}

/** Replaces the current row of standard error by `text`, which must be escaped. */
export function drawStatusLine(text: string): void {
  process.stderr.write(`\r${text}\x1b[K`);
}

/** Takes the whole terminal: what was on it is back after `leaveFullScreen`. Rows that are too long are cut, not wrapped. */
export function enterFullScreen(stream: NodeJS.WriteStream): void {
  stream.write("\x1b[?1049h\x1b[?25l\x1b[?7l");
}

/** Draws rows over all that is on the screen. They MUST fill it, and may hold colours. */
export function drawFullScreen(stream: NodeJS.WriteStream, rows: readonly string[]): void {
  stream.write(`\x1b[H${rows.map(escapedOutput).join("\r\n")}`);
}

export function leaveFullScreen(stream: NodeJS.WriteStream): void {
  stream.write("\x1b[?7h\x1b[?25h\x1b[?1049l");
}
