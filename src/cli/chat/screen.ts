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

/** The events of a screen. */
export interface ScreenListener {
  line(text: string): void;
  /** The input line changed; called after a short delay, because a paste arrives key by key. */
  typed(text: string): void;
  /** Returns the completions for the input line, and which end of it they replace. */
  complete(text: string): CompleterResult;
  /** Ctrl+C, or a signal of that kind. */
  interrupted(): void;
  /** Ctrl+D, or the terminal was closed. */
  ended(): void;
}

/** How long after a key the input line is read, in milliseconds. */
const TYPED_DELAY_MS = 100;

/** A terminal with a prompt in its last row, above which lines are printed. */
export interface Screen {
  /** Prints lines above the input line, and keeps that line and its cursor. */
  write(lines: readonly string[]): void;
  setPrompt(prompt: string): void;
  /** Shows lines that change above the prompt; none on a terminal that cannot move its cursor. */
  setGrowing(lines: readonly string[]): void;
  close(): void;
}

/** Opens a screen on the terminal behind `output`. */
export function openScreen(output: WriteStream, prompt: string, listener: ScreenListener): Screen {
  // A terminal that cannot move its cursor (TERM=dumb) gets plain lines.
  const canMove = process.env.TERM !== "dumb";
  const { stdin: input } = process;
  const { complete: completer } = listener;
  const reader = createInterface({ input, output, prompt, terminal: canMove, completer });
  let isOpen = true;
  let shownPrompt = prompt;
  let growing: readonly string[] = [];
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
    // readline handles the key first, so its line is already the new one.
    process.stdin.on("keypress", onKey);
    process.stdin.prependListener("keypress", leaveRowsBefore);
    // After Ctrl+Z and fg, readline does not draw its prompt again.
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

  /** What readline leaves on the screen after these keys is the line and its prompt, and nothing that still grows. */
  function leaveRowsBefore(_: unknown, { name }: { readonly name?: string }): void {
    if (growing.length === 0 || !/^(?:return|enter|tab)$/.test(name ?? "")) return;
    writeAbovePrompt(() => reader.setPrompt(shownPrompt));
    setImmediate(draw);
  }

  /** The terminal has wrapped its rows again; readline, whose listener runs next, then redraws its line. */
  function onResize(): void {
    setRows(reader, reader.getCursorPos().rows);
  }

  function erase(): void {
    // The signal of a new size may arrive after this message: with the old size, printed lines would be erased.
    (output as { _refreshSize?: () => void })._refreshSize?.();
    moveCursor(output, 0, -reader.getCursorPos().rows);
    cursorTo(output, 0);
    clearScreenDown(output);
  }

  /** Draws the prompt at the cursor, without moving up over earlier rows. */
  function redrawPrompt(): void {
    setRows(reader, 0);
    reader.prompt(true);
  }

  function writeAbovePrompt(task: () => void): void {
    if (isOpen && canMove) erase();
    task();
    if (isOpen && canMove) redrawPrompt();
  }

  /** Readline counts the rows of a prompt that has several. */
  function draw(): void {
    if (!isOpen) return;
    const next = [...growing, shownPrompt].join("\n");
    if (reader.getPrompt() !== next) writeAbovePrompt(() => reader.setPrompt(next));
  }

  /** Leaves the cursor at the beginning of a row; a partly typed line stays visible. */
  function releaseTerminal(): void {
    if (canMove) erase();
    if (!canMove) output.write("\n");
    else if (reader.line !== "") output.write(`${shownPrompt}${reader.line}\n`);
  }

  function close(): void {
    if (!isOpen) return;
    releaseTerminal();
    isOpen = false;
    clearTimeout(typedTimer);
    process.stdin.off("keypress", onKey);
    process.stdin.off("keypress", leaveRowsBefore);
    output.off("resize", onResize);
    reader.close();
  }

  return {
    write(lines) {
      writeAbovePrompt(() => write(output, `${lines.join("\n")}\n`));
    },
    setPrompt(next) {
      shownPrompt = next;
      draw();
    },
    setGrowing(lines) {
      if (canMove) growing = lines;
      draw();
    },
    close,
  };
}

/**
 * Before it redraws, readline moves up over the rows that it drew last. If they were erased, or wrapped again by the
 * terminal, it would overwrite messages. That number of rows has no public name; tests in a pseudo-terminal prove that
 * setting it works.
 */
function setRows(reader: Interface, rows: number): void {
  (reader as { prevRows?: number }).prevRows = rows;
}
