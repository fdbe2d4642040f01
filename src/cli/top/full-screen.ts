import { styleText } from "node:util";
import { drawFullScreen, enterFullScreen, leaveFullScreen } from "../terminal/print.ts";
import { fitLine, type Line, type PageSize, type PieceStyle } from "./render.ts";
import { keysIn } from "./state.ts";

const FORMATS: Readonly<Record<PieceStyle, Parameters<typeof styleText>[0]>> = {
  title: "bold",
  dim: "dim",
  good: "green",
  bad: "red",
  chosen: "inverse",
};

/** The size of a terminal that does not say its own. */
const USUAL_SIZE: PageSize = { columns: 80, rows: 24 };

/** The whole terminal, until `close`; it is as before then, also when the process ends in another way. */
export class FullScreen {
  private readonly stream = process.stdout;
  private readonly restore = () => this.close();
  private readonly onResize: () => void;
  private readonly onData: (chunk: string | Buffer) => void;
  private isOpen = true;

  /** `withColors`: whether there may be any; a terminal without, and NO_COLOR, count anyway. */
  constructor(
    private readonly withColors: boolean,
    listener: { readonly key: (key: string) => void; readonly resized: () => void },
  ) {
    const { stdin } = process;
    this.onResize = () => listener.resized();
    this.onData = (chunk) => {
      for (const key of keysIn(chunk.toString())) listener.key(key);
    };
    process.on("exit", this.restore);
    if (stdin.isTTY) {
      stdin.setRawMode(true);
      stdin.setEncoding("utf8");
      stdin.on("data", this.onData);
      stdin.resume();
    }
    this.stream.on("resize", this.onResize);
    enterFullScreen(this.stream);
  }

  get size(): PageSize {
    const { columns, rows } = this.stream;
    return { columns: columns || USUAL_SIZE.columns, rows: rows || USUAL_SIZE.rows };
  }

  /** Shows a page, whose lines MUST be as many as the terminal has rows. */
  draw(lines: readonly Line[]): void {
    if (!this.isOpen) return;
    const { columns } = this.size;
    drawFullScreen(
      this.stream,
      lines.map((line) =>
        fitLine(line, columns, true)
          .map(({ text, style }) => (style === undefined ? text : this.styled(style, text)))
          .join(""),
      ),
    );
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const { stdin } = process;
    process.off("exit", this.restore);
    this.stream.off("resize", this.onResize);
    leaveFullScreen(this.stream);
    if (!stdin.isTTY) return;
    stdin.off("data", this.onData);
    stdin.setRawMode(false);
    stdin.pause();
  }

  private styled(style: PieceStyle, text: string): string {
    return this.withColors ? styleText(FORMATS[style], text, { stream: this.stream }) : text;
  }
}
