import { TerminalScreen } from "../support/terminal.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { MAIN, type ParleyFolder } from "./parley-folder.ts";

/** The real command line in a pseudo-terminal, and its screen. */
export class ParleyTerminal implements AsyncDisposable {
  readonly screen: TerminalScreen;
  readonly process: Bun.Subprocess;
  private readonly terminal: Bun.Terminal;
  private fault: unknown;

  /** `program` is the command line that starts the program. */
  constructor(
    folder: ParleyFolder,
    args: string[],
    env: Record<string, string> = {},
    columns = 80,
    program = [process.execPath, "--no-env-file", MAIN],
  ) {
    const screen = new TerminalScreen(columns);
    this.screen = screen;
    const decoder = new TextDecoder();
    this.terminal = new Bun.Terminal({
      cols: columns,
      rows: 24,
      data: (_, bytes) => {
        try {
          screen.write(decoder.decode(bytes, { stream: true }));
        } catch (error) {
          this.fault ??= error;
        }
      },
    });
    this.process = Bun.spawn([...program, ...args], {
      cwd: folder.path,
      env: { PATH: process.env.PATH ?? "", HOME: folder.path, TERM: "xterm-256color", ...env },
      terminal: this.terminal,
    });
  }

  /** Presses keys; `\r` is Enter, `\x03` Ctrl+C. */
  type(keys: string): void {
    this.terminal.write(keys);
  }

  /** Makes its window wider or narrower. */
  resize(columns: number): void {
    this.screen.resize(columns);
    this.terminal.resize(columns, 24);
    // The system sends them only to processes with it as their controlling terminal.
    this.process.kill("SIGWINCH");
  }

  /** Waits until a line of the screen holds `text`. */
  async shows(text: string | RegExp): Promise<void> {
    const holds = (line: string) => (typeof text === "string" ? line.includes(text) : text.test(line));
    await waitUntil(`${text} on the screen:\n${this.screen.lines.join("\n")}`, () =>
      this.lines.some(holds),
    ).catch(() => {
      throw new Error(`${text} is not on the screen:\n${this.screen.lines.join("\n")}`);
    });
  }

  /** The content of the screen. Throws when it received control characters that no screen should get. */
  get lines(): readonly string[] {
    if (this.fault !== undefined) throw this.fault;
    return this.screen.lines;
  }

  /** The exit code, once it has ended. */
  get ended(): Promise<number> {
    return this.process.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
    this.terminal.close();
  }
}
