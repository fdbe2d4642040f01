/**
 * What a person sees: a terminal's screen, made of what a program writes. It knows the few control sequences that
 * node:readline writes, and colours; any other is an error, so that none goes by unnoticed.
 */
export class TerminalScreen {
  private cells: string[][] = [[]];
  /** Rows that go on in the one below, because the text was too long for one. */
  private wrapped = new Set<number>();
  private row = 0;
  private column = 0;
  private rest = "";
  /** Whether something was ever coloured. */
  coloured = false;
  /** Whether the cursor is seen, and whether a program has taken the whole screen. */
  hasCursor = true;
  private before: string[][] | undefined;

  constructor(private columns: number) {}

  /** The lines on the screen and above it, without blanks at their ends. */
  get lines(): readonly string[] {
    return this.cells.map((line) =>
      Array.from(line, (cell) => cell ?? " ")
        .join("")
        .trimEnd(),
    );
  }

  /** Line and column of the cursor, from 0. */
  get cursor(): readonly [number, number] {
    return [this.row, this.column];
  }

  write(text: string): void {
    const all = this.rest + text;
    // A sequence may be cut anywhere between two chunks.
    const cut = /\x1b(\[[\d;?]*)?$/.exec(all)?.index ?? all.length;
    this.rest = all.slice(cut);
    for (const [piece, parameters, letter] of all.slice(0, cut).matchAll(/\x1b\[([\d;?]*)([A-Za-z])|./gsu)) {
      if (letter !== undefined) this.execute(parameters!, letter);
      else this.put(piece);
    }
  }

  private put(character: string): void {
    if (character === "\n") this.down();
    else if (character === "\r") this.column = 0;
    else if (character < " ") throw new Error(`The screen got ${JSON.stringify(character)}.`);
    else {
      const width = Bun.stringWidth(character);
      if (this.column + width > this.columns) {
        this.wrapped.add(this.row);
        this.column = 0;
        this.down();
      }
      this.cells[this.row]![this.column++] = character;
      // A wide character takes two cells, of which the second has nothing of its own.
      if (width === 2) this.cells[this.row]![this.column++] = "";
    }
  }

  /** Makes it wider or narrower: as most terminals do, it wraps again what it has wrapped itself. */
  resize(columns: number): void {
    const { cells, wrapped, row, column } = this;
    Object.assign(this, { columns, cells: [[]], wrapped: new Set(), row: 0, column: 0 });
    let cursor: readonly [number, number] = [0, 0];
    for (const [rowIndex, line] of cells.entries()) {
      for (const [index, cell = " "] of line.entries()) {
        if (cell !== "") this.put(cell);
        if (rowIndex === row && index + 1 === column) cursor = [this.row, this.column];
      }
      if (rowIndex === row && column === 0) cursor = [this.row, this.column];
      if (!wrapped.has(rowIndex) && rowIndex < cells.length - 1) {
        this.column = 0;
        this.down();
      }
    }
    [this.row, this.column] = cursor;
  }

  private down(): void {
    this.row++;
    this.cells[this.row] ??= [];
  }

  get isFull(): boolean {
    return this.before !== undefined;
  }

  private setMode(mode: string, isOn: boolean): void {
    if (mode === "?25") this.hasCursor = isOn;
    if (mode !== "?1049" || isOn === this.isFull) return;
    const { before } = this;
    this.before = isOn ? this.cells : undefined;
    this.cells = before ?? [[]];
    this.row = this.cells.length - 1;
    this.column = 0;
  }

  private execute(parameters: string, letter: string): void {
    const count = Number(parameters || 1);
    if (letter === "m") this.coloured = true;
    else if (letter === "A") this.row = Math.max(0, this.row - count);
    else if (letter === "B") for (let i = 0; i < count; i++) this.down();
    else if (letter === "C") this.column = Math.min(this.columns - 1, this.column + count);
    else if (letter === "D") this.column = Math.max(0, this.column - count);
    else if (letter === "G") this.column = count - 1;
    else if (letter === "K" && parameters === "") this.cells[this.row]!.length = this.column;
    else if (letter === "J" && parameters === "0") {
      this.cells.length = this.row + 1;
      for (const row of this.wrapped) if (row >= this.row) this.wrapped.delete(row);
      this.cells[this.row]!.length = Math.min(this.cells[this.row]!.length, this.column);
    } else if (letter === "H" && parameters === "") {
      this.row = 0;
      this.column = 0;
    } else if (letter === "h" || letter === "l") this.setMode(parameters, letter === "h");
    else throw new Error(`The screen got ESC [ ${parameters} ${letter}.`);
  }
}
