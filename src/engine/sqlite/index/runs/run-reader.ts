import type { Database, Statement } from "bun:sqlite";
import { decodeKeyBlock, type KeyRow } from "./key-blocks.ts";
import { decodeSeqBlock, type SeqRow } from "./seq-blocks.ts";

/** The `seq` of a message in its conversation, and its position in the log. */
export interface IndexEntry {
  readonly seq: number;
  readonly position: number;
}

// Each look-up is one statement over all runs, so that it reads one state of the index while the index worker writes. Newer
// runs come first, and a look-up stops reading when it has its result. The key of a seq block is its first entry: conversation
// and `seq` in one integer of 64 bits, which only SQLite computes, because integers in JavaScript are exact up to 53 bits.
const COLUMNS = "r.id as run, r.first, s.sum, s.places";
/** Selects the start of the block that has the entry (?1, `seq`), if the run has that entry. */
const BLOCK_OF = (seq: string) =>
  `(select max(start) from by_seq where run = r.id and start <= (?1 << 32 | ${seq}))`;
const WHOLE = "where r.state = 'whole' order by r.first desc";

const WITH_KEY = `select r.id as run, r.first, k.sum, k.entries from run r
  join by_key k on k.id = (r.id << 32 | cast(?1 * (r.buckets / 9007199254740992.0) as integer)) ${WHOLE}`;
const RANGE = `select ${COLUMNS} from run r
  join by_seq s on s.run = r.id and s.start between coalesce(${BLOCK_OF("?2")}, 0) and (?1 << 32 | ?3) ${WHOLE}`;
const NEWEST = `select ${COLUMNS} from run r join by_seq s on s.run = r.id and s.start = ${BLOCK_OF("4294967295")} ${WHOLE}`;
const NEXT = `select ${COLUMNS} from run r
  join by_seq s on s.run = r.id and s.start in (
    ${BLOCK_OF("?2")}, (select min(start) from by_seq where run = r.id and start > (?1 << 32 | ?2))
  ) ${WHOLE}`;

/** Finds messages in the runs of an index. Throws BlockCorrupted. */
export class RunReader {
  private readonly keyed: Statement<KeyRow & { first: number }>;
  private readonly ranged: Statement<SeqRow & { first: number }>;
  private readonly newest: Statement<SeqRow>;
  private readonly following: Statement<SeqRow>;
  private readonly marker: Statement<{ below: number }>;

  constructor(index: Database) {
    this.keyed = index.prepare(WITH_KEY);
    this.ranged = index.prepare(RANGE);
    this.newest = index.prepare(NEWEST);
    this.following = index.prepare(NEXT);
    this.marker = index.prepare("select below from cleaned where conversation = ?");
  }

  /** Yields the positions with `key`, those of newer runs first. Some may be of removed messages. */
  *withKey(key: number): Generator<number, void> {
    for (const row of this.keyed.iterate(key)) {
      const { keys, offsets } = decodeKeyBlock(row);
      for (let at = keys.indexOf(key); at >= 0; at = keys.indexOf(key, at + 1))
        yield row.first + offsets[at]!;
    }
  }

  /** Returns the messages with `first` ≤ seq ≤ `last`, in the order of `seq`. */
  range(conversation: number, first: number, last: number): IndexEntry[] {
    const found: IndexEntry[] = [];
    let run = 0;
    for (const row of this.ranged.iterate(conversation, first, last)) {
      // Older runs have only messages before those that were found.
      if (row.run !== run && found.some(({ seq }) => seq === first)) break;
      ({ run } = row);
      const groups = decodeSeqBlock(row);
      while (groups.nextOf(conversation)) {
        const to = Math.min(last, groups.last);
        for (let seq = Math.max(first, groups.first); seq <= to; seq++)
          found.push({ seq, position: row.first + groups.offsetOf(seq) });
      }
    }
    return found.sort((a, b) => a.seq - b.seq);
  }

  /** Returns the newest `seq` of a conversation in the runs; 0 for none. */
  newestSeq(conversation: number): number {
    for (const row of this.newest.iterate(conversation)) {
      let newest = 0;
      const groups = decodeSeqBlock(row);
      while (groups.nextOf(conversation)) newest = groups.last;
      if (newest > 0) return newest;
    }
    return 0;
  }

  /** Returns the oldest `seq` ≥ `from` of a conversation in the runs; infinite for none. */
  nextSeq(conversation: number, from: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const row of this.following.all(conversation, from)) {
      const groups = decodeSeqBlock(row);
      while (groups.nextOf(conversation))
        if (groups.last >= from) next = Math.min(next, Math.max(from, groups.first));
    }
    return next;
  }

  /** Returns the `seq` below which all messages of a conversation are recorded as removed; 1 if none are. */
  cleanedBelow(conversation: number): number {
    return this.marker.get(conversation)?.below ?? 1;
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    for (const statement of [this.keyed, this.ranged, this.newest, this.following, this.marker])
      statement.finalize();
  }
}
