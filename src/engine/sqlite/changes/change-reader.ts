import type { Database, Statement } from "bun:sqlite";
import type { ChangedEntry, FoldPlan } from "../../../core/changes/fold.ts";
import { type Entry, kindOf } from "../../../core/conversation/entry.ts";
import { idOf, senderOf } from "../messages/erased-sender.ts";

/** What is stored about a changed message beside its row in the log. */
export interface StoredState {
  readonly seq: number;
  /** The sum of its changes, encoded. */
  readonly state: string;
  /** Its content, if it was edited; null: the log has it. */
  readonly edited: string | null;
}

interface MissedRow extends StoredState {
  readonly id: string;
  readonly sender: string;
  readonly kind: string;
  readonly body: string;
  readonly at: number;
  readonly rev: number;
  readonly changedAt: number;
}

const EDITED = "left join edit e on e.conversation = c.conversation and e.seq = c.seq and e.body <> ''";

/** Reads what changes have made of messages. */
export class ChangeReader {
  private readonly between: Statement<StoredState>;
  private readonly since: Statement<MissedRow>;

  constructor(db: Database) {
    this.between = db.prepare(
      `select c.seq, c.state, e.body as edited from change c ${EDITED}
       where c.state <> '' and c.conversation = ? and c.seq between ? and ?`,
    );
    this.since = db.prepare(
      `select c.seq, c.state, e.body as edited, m.id, m.sender, m.kind, m.body, m.at, c.rev, c.at as changedAt
       from change c join message m on m.position = c.message ${EDITED}
       where c.state <> '' and m.sender <> '' and c.conversation = ? and c.rev > ? and c.seq between ? and ?
       order by c.rev limit ?`,
    );
  }

  /** Returns the states of the changed messages with `first` ≤ seq ≤ `last`, by their `seq`. */
  states(conversation: number, first: number, last: number): ReadonlyMap<number, StoredState> {
    return new Map(this.between.all(conversation, first, last).map((stored) => [stored.seq, stored]));
  }

  /** Returns the messages of a plan as they are now; undefined for more than it allows, or more than `budget` bytes of bodies. */
  missed(conversation: number, plan: FoldPlan, budget: number): ChangedEntry[] | undefined {
    const { after, first, last, count } = plan;
    const changed: ChangedEntry[] = [];
    let bytes = 0;
    const rows = this.since.iterate(conversation, after, first, last, count + 1);
    for (const row of rows as IterableIterator<MissedRow>) {
      const { seq, id, sender, kind, at, rev, changedAt } = row;
      const body = presentBodyOf(row.body, row);
      bytes += Buffer.byteLength(body);
      if (changed.length === count || bytes > budget) return undefined;
      const entry: Entry = {
        ...{ kind: kindOf(kind), seq, at, body },
        ...{ id: idOf(id, seq), from: senderOf(sender) },
      };
      changed.push({ entry, rev, changedAt });
    }
    return changed;
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.between.finalize();
    this.since.finalize();
  }
}

/** The body of a message as it is now. `logged` is the body in the log. */
export function presentBodyOf(logged: string, stored: StoredState | undefined): string {
  return stored === undefined ? logged : (stored.edited ?? logged) + stored.state;
}
