import type { Database, Statement } from "bun:sqlite";
import { decodeKeyBlock, type KeyRow } from "./key-blocks.ts";
import { decodeSeqBlock, type SeqRow } from "./seq-blocks.ts";

/** A message's number in its conversation, and where it stands in the log. */
export interface IndexEntry {
  readonly seq: number;
  readonly position: number;
}

// Each question is one statement over all runs, so that it is answered from one state of the index, whatever the
// keeper's thread writes meanwhile. Newer runs come first, and who has found what was asked for reads no more. A piece by seq is named by its first entry, conversation and
// `seq` in one number of 64 bits, which SQLite alone computes: a whole number in JavaScript ends at 53.
const COLUMNS = "r.id as run, r.first, s.sum, s.places";
/** The start of the piece in which the entry (?1, `seq`) is, if the run has it. */
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

/** Finds messages in the runs of an index. Throws PieceDamaged. */
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

  /** Positions that share `key`, the newest run's first; some may be of messages that were removed. */
  *withKey(key: number): Generator<number, void> {
    for (const row of this.keyed.iterate(key)) {
      const { keys, offsets: places } = decodeKeyBlock(row);
      for (let at = keys.indexOf(key); at >= 0; at = keys.indexOf(key, at + 1)) yield row.first + places[at]!;
    }
  }

  /** The messages with `first` ≤ seq ≤ `last`, in that order. */
  range(conversation: number, first: number, last: number): IndexEntry[] {
    const found: IndexEntry[] = [];
    let run = 0;
    for (const row of this.ranged.iterate(conversation, first, last)) {
      // What older runs have of the conversation comes before all that was found.
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

  /** The newest `seq` that it has of a conversation; 0 for none. */
  newestSeq(conversation: number): number {
    for (const row of this.newest.iterate(conversation)) {
      let newest = 0;
      const groups = decodeSeqBlock(row);
      while (groups.nextOf(conversation)) newest = groups.last;
      if (newest > 0) return newest;
    }
    return 0;
  }

  /** The oldest `seq` that it has of a conversation at or above `from`; infinite for none. */
  nextSeq(conversation: number, from: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const row of this.following.all(conversation, from)) {
      const groups = decodeSeqBlock(row);
      while (groups.nextOf(conversation))
        if (groups.last >= from) next = Math.min(next, Math.max(from, groups.first));
    }
    return next;
  }

  /** Below which `seq` of a conversation all that it had is known to be removed; 1 where nothing is. */
  cleanedBelow(conversation: number): number {
    return this.marker.get(conversation)?.below ?? 1;
  }

  /** Lets go of the database, which can be closed then. */
  close(): void {
    for (const statement of [this.keyed, this.ranged, this.newest, this.following, this.marker])
      statement.finalize();
  }
}
