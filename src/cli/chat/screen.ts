import {
  type CompleterResult,
  clearScreenDown,
  createInterface,
  cursorTo,
  type Interface,
  moveCursor,
} from "node:readline";
import type { WriteStream } from "node:tty";
import { write } from "../terminal/print.ts";

/** What happens on the screen. */
export interface ScreenListener {
  line(text: string): void;
  /** What is half typed is another text now; told when it has settled, as a paste comes key by key. */
  typed(text: string): void;
  /** What the Tab key offers for a half-typed line, and which end of it that replaces. */
  complete(text: string): CompleterResult;
  /** Ctrl+C, or a signal of that kind. */
  interrupted(): void;
  /** Ctrl+D, or the terminal is gone. */
  ended(): void;
}

/** How long after a key it is looked at what is typed, in milliseconds. */
const TYPED_DELAY_MS = 100;

/** A terminal with a prompt at its foot, above which lines appear. */
export interface Screen {
  /** Writes lines above what is half typed, and leaves that and its cursor as they are. */
  write(lines: readonly string[]): void;
  setPrompt(prompt: string): void;
  close(): void;
}

/** Opens a screen on the terminal behind `output`. */
export function openScreen(output: WriteStream, prompt: string, listener: ScreenListener): Screen {
  // A terminal that cannot move its cursor (TERM=dumb) gets lines, one below the other.
  const canMove = process.env.TERM !== "dumb";
  const { stdin: input } = process;
  const { complete: completer } = listener;
  const reader = createInterface({ input, output, prompt, terminal: canMove, completer });
  let isOpen = true;
  let typed = "";
  let typedTimer: ReturnType<typeof setTimeout> | undefined;

  reader.on("line", (line) => {
    listener.line(line);
    onKey();
    if (isOpen) reader.prompt();
  });
  reader.on("SIGINT", () => listener.interrupted());
  reader.on("close", () => {
    if (!isOpen) return;
    close();
    listener.ended();
  });
  if (canMove) {
    // readline reads the key first, so that its line is the new one when it is looked at.
    process.stdin.on("keypress", onKey);
    // It does not read on by itself after Ctrl+Z and fg.
    reader.on("SIGCONT", () => redrawPrompt());
    output.prependListener("resize", onResize);
  }
  reader.prompt();

  function onKey(): void {
    typedTimer ??= setTimeout(() => {
      typedTimer = undefined;
      if (reader.line === typed) return;
      typed = reader.line;
      listener.typed(typed);
    }, TYPED_DELAY_MS);
  }

  /** The terminal has wrapped anew what readline, which listens next, draws again. */
  function onResize(): void {
    setRows(reader, reader.getCursorPos().rows);
  }

  function erase(): void {
    // Of a new size it is told by a signal, which may come after the message that is to be written: by the size of before,
    // lines of others would be erased.
    (output as { _refreshSize?: () => void })._refreshSize?.();
    moveCursor(output, 0, -reader.getCursorPos().rows);
    cursorTo(output, 0);
    clearScreenDown(output);
  }

  /** Draws where the cursor is; what stood there is gone, or belongs to somebody else. */
  function redrawPrompt(): void {
    setRows(reader, 0);
    reader.prompt(true);
  }

  function writeAbovePrompt(task: () => void): void {
    if (isOpen && canMove) erase();
    task();
    if (isOpen && canMove) redrawPrompt();
  }

  /** Leaves the terminal to who comes next at the beginning of a row; a half-typed line stays to be read. */
  function releaseTerminal(): void {
    if (canMove) erase();
    if (!canMove) output.write("\n");
    else if (reader.line !== "") output.write(`${reader.getPrompt()}${reader.line}\n`);
  }

  function close(): void {
    if (!isOpen) return;
    releaseTerminal();
    isOpen = false;
    clearTimeout(typedTimer);
    process.stdin.off("keypress", onKey);
    output.off("resize", onResize);
    reader.close();
  }

  return {
    write(lines) {
      writeAbovePrompt(() => write(output, `${lines.join("\n")}\n`));
    },
    setPrompt(next) {
      if (reader.getPrompt() !== next) writeAbovePrompt(() => reader.setPrompt(next));
    },
    close,
  };
}

/**
 * readline moves up over so many rows, as those that it drew last, before it draws again. Where they are gone, or the
 * terminal has wrapped them anew, it would draw over what others said. It has no public name for that; tests in a
 * pseudo-terminal show that this works.
 */
function setRows(reader: Interface, rows: number): void {
  (reader as { prevRows?: number }).prevRows = rows;
}
