import type { Database, Statement } from "bun:sqlite";
import { LIST_MEMORY_MS } from "../../../core/ports/conversation/members.ts";

/** The rows that one call looks at: well below a millisecond. */
const ROWS_AT_ONCE = 200;
/** How often all rows are looked at, in milliseconds. */
const ROUND_INTERVAL_MS = 24 * 3_600_000;

interface Place {
  readonly conversation: number;
  readonly user: string;
}

const BEFORE_ALL: Place = { conversation: -1, user: "" };

/**
 * Deletes the rows of `member` that mean nothing any more: those without a role, a mute, a ban or a leave of one's own, and those of
 * a removed conversation, when no list mentions them (LIST_MEMORY_MS).
 */
export class EndedRows {
  private readonly next: Statement<Place & { readonly isEnded: number }>;
  private readonly delete: Statement<unknown>;
  /** The last row that was looked at in this round. */
  private at = BEFORE_ALL;
  private nextRound = 0;

  constructor(private readonly db: Database) {
    this.next = db.prepare(
      `select m.conversation, m.user, case when m.life = c.removals
           then m.changed_at <= ?3 and coalesce(m.role, m."left", m.muted, m.banned) is null
           else c.removed_at <= ?3 end as isEnded
       from member m join conversation c on c.number = m.conversation
       where (m.conversation, m.user) > (?1, ?2) order by m.conversation, m.user limit ${ROWS_AT_ONCE}`,
    );
    this.delete = db.prepare("delete from member where conversation = ? and user = ?");
  }

  /** Looks at some rows more, unless the round has ended and the next one is not due. MUST be called outside a transaction. */
  deleteSome(now: number): void {
    if (now < this.nextRound) return;
    const rows = this.next.all(this.at.conversation, this.at.user, now - LIST_MEMORY_MS);
    const ended = rows.filter(({ isEnded }) => isEnded !== 0);
    if (ended.length > 0)
      this.db
        .transaction(() => {
          for (const { conversation, user } of ended) this.delete.run(conversation, user);
        })
        .immediate();
    const isOver = rows.length < ROWS_AT_ONCE;
    this.at = isOver ? BEFORE_ALL : rows.at(-1)!;
    if (isOver) this.nextRound = now + ROUND_INTERVAL_MS;
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.next.finalize();
    this.delete.finalize();
  }
}
