import type { Database, Statement } from "bun:sqlite";
import { type ChangeState, encodeState } from "../../../core/changes/message-state.ts";
import { AppendedTable } from "./appended-table.ts";

type Positions = Statement<{ position: number }>;

/** A message, by the number of its conversation. */
export interface MessagePlace {
  readonly conversation: number;
  readonly seq: number;
}

/**
 * The states of changed messages, one row for each, and the contents of edited ones. An edit may be longer than what it
 * replaces, so its content is not written to the log, where rows must not grow (appended-table.ts).
 */
export class ChangeTable {
  readonly states: AppendedTable;
  readonly edits: AppendedTable;
  private readonly stateOf: Positions;
  private readonly editOf: Positions;
  private readonly statesBelow: Positions;
  private readonly editsBelow: Positions;

  constructor(db: Database) {
    this.states = new AppendedTable(db, {
      name: "change",
      columns: ["conversation", "seq", "message", "rev", "at", "state"],
      blankBy: "state",
      texts: ["state"],
    });
    this.edits = new AppendedTable(db, {
      name: "edit",
      columns: ["conversation", "seq", "body"],
      blankBy: "body",
      texts: ["body"],
    });
    const states = "select position from change where state <> '' and conversation = ? and seq";
    const edits = "select position from edit where body <> '' and conversation = ? and seq";
    this.stateOf = db.prepare(`${states} = ?`);
    this.editOf = db.prepare(`${edits} = ?`);
    this.statesBelow = db.prepare(`${states} < ? limit ?`);
    this.editsBelow = db.prepare(`${edits} < ? limit ?`);
  }

  /**
   * Writes the state of a message, whose row in the log is at the position `message`; blanks the state before it. `at` is when it was
   * changed, in milliseconds since 1970. MUST be called inside a transaction, as all below.
   */
  write({ conversation, seq }: MessagePlace, message: number, state: ChangeState, at: number): void {
    this.states.blank(positionsOf(this.stateOf, conversation, seq));
    this.states.append(conversation, seq, message, state.rev, at, encodeState(state));
  }

  /** Writes the content of an edited message; blanks the one before it. Undefined: the message has no content any more. */
  writeBody({ conversation, seq }: MessagePlace, body: string | undefined): void {
    this.edits.blank(positionsOf(this.editOf, conversation, seq));
    if (body !== undefined) this.edits.append(conversation, seq, body);
  }

  /** Whether there are rows of messages below `seq`. */
  hasBelow({ conversation, seq }: MessagePlace): boolean {
    return [this.statesBelow, this.editsBelow].some((rows) => rows.get(conversation, seq, 1) !== null);
  }

  /** Blanks at most `most` rows of messages below `seq`. */
  blankBelow({ conversation, seq }: MessagePlace, most: number): void {
    this.states.blank(positionsOf(this.statesBelow, conversation, seq, most));
    this.edits.blank(positionsOf(this.editsBelow, conversation, seq, most));
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.states.close();
    this.edits.close();
    for (const statement of [this.stateOf, this.editOf, this.statesBelow, this.editsBelow])
      statement.finalize();
  }
}

/** Runs a statement that selects positions. */
export function positionsOf(statement: Positions, ...values: (number | string)[]): number[] {
  return statement.all(...(values as [])).map(({ position }) => position);
}
