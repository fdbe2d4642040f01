import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";
import type { WriteStream } from "node:tty";

/** What happens on the screen. */
export interface ScreenListener {
  line(text: string): void;
  /** What is half typed has changed. */
  typed(text: string): void;
  /** Ctrl+C, or a signal of that kind. */
  interrupted(): void;
  /** Ctrl+D, or the terminal is gone. */
  ended(): void;
}

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
  const reader = createInterface({ input: process.stdin, output, prompt, terminal: canMove });
  let isOpen = true;
  let typed = "";

  reader.on("line", (line) => {
    listener.line(line);
    changed();
    if (isOpen) reader.prompt();
  });
  reader.on("SIGINT", () => listener.interrupted());
  reader.on("close", () => {
    if (isOpen) listener.ended();
  });
  // readline reads the key first, so that its line is the new one here.
  if (canMove) process.stdin.on("keypress", changed);
  reader.prompt();

  function changed(): void {
    if (reader.line === typed) return;
    typed = reader.line;
    listener.typed(typed);
  }

  function redraw(task: () => void): void {
    if (isOpen && canMove) {
      moveCursor(output, 0, -reader.getCursorPos().rows);
      cursorTo(output, 0);
      clearScreenDown(output);
    }
    task();
    if (isOpen && canMove) {
      forgetRows(reader);
      reader.prompt(true);
    }
  }

  return {
    write(lines) {
      redraw(() => output.write(`${lines.join("\n")}\n`));
    },
    setPrompt(next) {
      if (reader.getPrompt() !== next) redraw(() => reader.setPrompt(next));
    },
    close() {
      isOpen = false;
      process.stdin.off("keypress", changed);
      reader.close();
    },
  };
}

/**
 * readline moves up over the rows that it drew last before it draws again; they are gone, and what stands there now must
 * stay. It has no public name for that; a test in a pseudo-terminal shows that this works.
 */
function forgetRows(reader: Interface): void {
  (reader as { prevRows?: number }).prevRows = 0;
}
