import type { Database, Statement } from "bun:sqlite";
import { LruMap } from "../../../core/collections/lru-map.ts";
import { type Entry, type EntryKind, forEachKind, kindOf } from "../../../core/conversation/entry.ts";
import { epochOf } from "../../../core/conversation/epoch.ts";
import type { ExistingMessage } from "../../../core/conversation/post-decision.ts";
import { ChangeReader, presentBodyOf } from "../changes/change-reader.ts";
import { IndexCorrupted, type IndexFile } from "../index/index-file.ts";
import type { IndexWorker } from "../index/index-worker.ts";
import type { UnindexedEntries } from "../index/index-worker-thread.ts";
import { Memtable } from "../index/memtable.ts";
import { messageKey } from "../index/message-key.ts";
import { readLastPosition, readMeta } from "../schema.ts";
import type { ConversationHead, HeadRow } from "./conversation-head.ts";
import { ERASED_SENDER_MARK, idOf, senderOf } from "./erased-sender.ts";

/** The number of messages that the index worker gets at once: copying more would block the event loop for more than 2 ms. */
const MAX_HANDED_OVER = 100_000;

/** The number of remembered names of conversations that do not exist. */
const MAX_UNKNOWN = 1_000;

interface Row {
  readonly position: number;
  readonly conversation: number;
  readonly seq: number;
  readonly id: string;
  readonly sender: string;
  readonly kind: string;
  readonly body: string;
  readonly at: number;
}

/** A message in the log, without its changes, at its position. */
export interface LoggedMessage {
  readonly position: number;
  readonly entry: Entry;
}

/**
 * The messages in the order in which they arrived. Finds them by sender and id, or by conversation and `seq`.
 *
 * After a commit that failed, `reload` MUST be called, because the state in memory then differs from the disk.
 */
export class MessageLog {
  private readonly memtable = new Memtable();
  private readonly heads = new Map<string, ConversationHead>();
  /**
   * Names of conversations that do not exist, because opening a new one looks it up several times. Where another process
   * creates one, `rowChanged` follows.
   */
  private unknown = new LruMap<true>(MAX_UNKNOWN);
  private readonly seed: number;
  private readonly storeEpoch: string;
  private readonly firstEpoch: string;
  private nextPosition = 1;
  /** The memtable has all messages after this position. */
  private memtableFrom = Number.POSITIVE_INFINITY;
  /** A statement for each kind costs less than one more value to bind. */
  private readonly inserts: Readonly<Record<EntryKind, Statement>>;
  private readonly rowAt: Statement<Row>;
  private readonly writeBody: Statement;
  private readonly writeRev: Statement;
  private readonly dropSender: Statement;
  readonly changes: ChangeReader;

  constructor(
    private readonly db: Database,
    private readonly index: IndexFile,
    private readonly indexWorker: Pick<IndexWorker, "indexed" | "filter">,
  ) {
    this.seed = Number(readMeta(db, "seed"));
    this.storeEpoch = readMeta(db, "epoch") ?? "";
    this.firstEpoch = epochOf(this.storeEpoch, 0);
    this.inserts = forEachKind((letter) =>
      db.prepare(
        `insert into message (position, conversation, seq, key, id, sender, kind, body, at) values (?, ?, ?, ?, ?, ?, '${letter}', ?, ?)`,
      ),
    );
    this.rowAt = db.prepare(
      "select position, conversation, seq, id, sender, kind, body, at from message where position = ?",
    );
    this.writeBody = db.prepare("update message set body = ? where position = ?");
    this.writeRev = db.prepare("update conversation set rev = ? where number = ?");
    this.dropSender = db.prepare("update message set sender = ?, id = '' where position = ?");
    this.changes = new ChangeReader(db);
    this.reload();
  }

  /** The last used position. */
  get lastPosition(): number {
    return this.nextPosition - 1;
  }

  /** The time of the newest message, in milliseconds since 1970; 0 when there is none. */
  get newestAt(): number {
    return this.rowAt.get(this.lastPosition)?.at ?? 0;
  }

  /** Reads the state from disk, without blanked rows. Called at the start, and after a commit that failed. */
  reload(): void {
    this.forgetAll();
    this.nextPosition = readLastPosition(this.db) + 1;
    const { indexed } = this.index;
    const rows = this.db
      .query(
        "select position, conversation, seq, key from message where position > ? and sender <> '' order by position",
      )
      .iterate(indexed) as IterableIterator<{
      position: number;
      conversation: number;
      seq: number;
      key: number;
    }>;
    for (const row of rows) this.memtable.add(row.position, row.conversation, row.seq, row.key);
    this.memtableFrom = indexed;
  }

  /** Drops the state in memory. Nothing may be read or written until `reload`. */
  forgetAll(): void {
    this.memtableFrom = Number.POSITIVE_INFINITY;
    this.memtable.clear();
    this.heads.clear();
    this.unknown = new LruMap(MAX_UNKNOWN);
  }

  /** Returns messages up to the position `last` that the index lacks, from memory. If they are many, returns the oldest of them. */
  takeUnindexed(last: number): UnindexedEntries {
    const after = Math.max(this.memtableFrom, this.indexWorker.indexed);
    const upTo = Math.min(last, after + MAX_HANDED_OVER);
    return { after, upTo, numbers: this.memtable.entries(after, upTo) };
  }

  /** Returns the conversation `id`; undefined if it has no message yet. Writes nothing. */
  find(id: string): ConversationHead | undefined {
    const known = this.heads.get(id);
    if (known !== undefined) return known;
    if (this.unknown.get(id)) return undefined;
    const row = this.db
      .query(
        "select number, id, first_seq, removals, removed_seq, facts, guard, rev from conversation where id = ?",
      )
      .get(id) as HeadRow | null;
    if (row === null) {
      this.unknown.set(id, true);
      return undefined;
    }
    const head = this.headOf(row);
    this.heads.set(id, head);
    return head;
  }

  /** Returns the conversation of `row`. If it is not in memory, this does not keep it there. */
  headOf(row: HeadRow): ConversationHead {
    const { number, id, first_seq: first, removals, guard, rev } = row;
    const held = this.heads.get(id);
    if (held !== undefined) return held;
    // When all messages were removed, only the floor shows which `seq` were used.
    const seq = Math.max(this.newestSeq(number), first - 1);
    const epoch = epochOf(this.storeEpoch, removals);
    const removedSeq = row.removed_seq;
    const hasFacts = row.facts !== null;
    return { id, number, seq, first, epoch, rev, removals, removedSeq, hasFacts, guard, known: undefined };
  }

  /** Returns the epoch of a conversation, also of one without messages. */
  epochOf(head: ConversationHead | undefined): string {
    return head?.epoch ?? this.firstEpoch;
  }

  /** Returns the epoch of a conversation that was removed so many times. */
  epochAfter(removals: number): string {
    return removals === 0 ? this.firstEpoch : epochOf(this.storeEpoch, removals);
  }

  /** Updates the floor of a conversation in memory, after it was raised on disk. */
  floorRaised(id: string, first: number): void {
    const head = this.heads.get(id);
    if (head !== undefined) head.first = Math.max(head.first, first);
  }

  /** Updates a conversation in memory from its row on disk. Returns its head if its epoch has changed thereby. */
  rowChanged(row: HeadRow): ConversationHead | undefined {
    this.unknown.delete(row.id);
    const head = this.heads.get(row.id);
    if (head === undefined) return undefined;
    head.first = Math.max(head.first, row.first_seq);
    head.removedSeq = row.removed_seq;
    head.hasFacts = row.facts !== null;
    head.guard = row.guard;
    head.known = undefined;
    if (head.removals === row.removals) return undefined;
    head.removals = row.removals;
    head.rev = row.rev;
    head.epoch = epochOf(this.storeEpoch, row.removals);
    return head;
  }

  /** Returns the time of a message, in milliseconds since 1970; undefined if it is not kept. */
  timeOf(head: ConversationHead, seq: number): number | undefined {
    const [position] = this.positions(head, seq, seq);
    return position === undefined ? undefined : this.rowAt.get(position)?.at;
  }

  /** Creates the conversation `id`, which MUST NOT exist. MUST be called inside the transaction of its first message. */
  create(id: string): ConversationHead {
    const { number } = this.db.query("insert into conversation (id) values (?) returning number").get(id) as {
      number: number;
    };
    const head: ConversationHead = {
      id,
      number,
      seq: 0,
      first: 1,
      epoch: this.firstEpoch,
      rev: 0,
      removals: 0,
      removedSeq: 0,
      hasFacts: false,
      guard: 0,
      known: undefined,
    };
    this.unknown.delete(id);
    this.heads.set(id, head);
    return head;
  }

  /** Drops unused conversations from memory if there are more than `keep`. They are read from disk again when needed. */
  forgetHeads(keep: number, inUse: (conversation: string) => boolean): void {
    if (this.heads.size <= keep) return;
    for (const id of this.heads.keys()) if (!inUse(id)) this.heads.delete(id);
  }

  /** Returns the key of the message of `sender` with `id`, for `findStored` and `append`. */
  keyOf(head: ConversationHead, sender: string, id: string): number {
    return messageKey(this.seed, head.number, sender, id);
  }

  /** Finds the message of `sender` with `id`, if it is kept. The id of a message that is not kept may be used again. */
  findStored(head: ConversationHead, key: number, sender: string, id: string): ExistingMessage | undefined {
    for (const position of this.memtable.withKey(key)) {
      const row = this.matching(position, head, sender, id);
      if (row !== undefined) return row;
    }
    if (this.indexWorker.filter?.mayHave(key) === false) return undefined;
    for (const position of this.index.withKey(key)) {
      const row = this.matching(position, head, sender, id);
      if (row !== undefined) return row;
    }
    return undefined;
  }

  /** Stores an entry, whose `seq` MUST follow the newest. MUST be called inside a transaction. */
  append(head: ConversationHead, key: number, { kind, seq, id, from, at, body }: Entry): void {
    const position = this.nextPosition;
    this.inserts[kind].run(position, head.number, seq, key, id, from, body, at);
    this.memtable.add(position, head.number, seq, key);
    this.nextPosition++;
    head.seq = seq;
  }

  /**
   * Returns the entries with `first` ≤ seq ≤ `last` that are kept, as they are now, in the order of `seq`. If their bodies have more than
   * `budget` bytes together, leaves out entries and sets `cut`: the oldest ones with `newestFirst`, else the newest ones. At
   * least one entry is returned.
   */
  read(
    head: ConversationHead,
    first: number,
    last: number,
    newestFirst: boolean,
    budget: number,
  ): { entries: Entry[]; cut: boolean } {
    const positions = this.positions(head, first, last);
    // Where nothing was changed, nothing is looked up (CH5).
    const states = head.rev === 0 ? undefined : this.changes.states(head.number, first, last);
    if (newestFirst) positions.reverse();
    const entries: Entry[] = [];
    let size = 0;
    let cut = false;
    for (const position of positions) {
      const row = this.rowAt.get(position);
      // A row without a sender was blanked: its message is removed, even if the floor in memory is still lower.
      if (row === null || row.sender === "") continue;
      if (row.conversation !== head.number)
        throw new IndexCorrupted(this.index.path, "it names a message of another conversation");
      const body = presentBodyOf(row.body, states?.get(row.seq));
      size += Buffer.byteLength(body);
      cut = size > budget && entries.length > 0;
      if (cut) break;
      entries.push(decodeRow(row, body));
    }
    if (newestFirst) entries.reverse();
    return { entries, cut };
  }

  /** Returns a message as it is in the log, without its changes; undefined if it is not kept. */
  readLogged(head: ConversationHead, seq: number): LoggedMessage | undefined {
    const isKept = seq >= head.first && seq <= head.seq;
    const [position] = isKept ? this.positions(head, seq, seq) : [];
    const row = position === undefined ? null : this.rowAt.get(position);
    if (row?.conversation !== head.number || row.sender === "") return undefined;
    return { position: row.position, entry: decodeRow(row, row.body) };
  }

  /** Replaces a body by a shorter one, in place. MUST be called inside a transaction, as `setRev`. */
  replaceBody(position: number, body: string): void {
    this.overwrite(() => this.writeBody.run(body, position));
  }

  /** Takes the sender and the id out of a row, in place. MUST be called inside a transaction. */
  forgetSender(position: number): void {
    this.overwrite(() => this.dropSender.run(ERASED_SENDER_MARK, position));
  }

  /** Records the newest change of a conversation. */
  setRev(head: ConversationHead, rev: number): void {
    this.writeRev.run(rev, head.number);
    head.rev = rev;
  }

  private overwrite(update: () => void): void {
    // Without this, SQLite leaves what is in the pages that it frees.
    this.db.run("pragma secure_delete = on");
    try {
      update();
    } finally {
      this.db.run("pragma secure_delete = fast");
    }
  }

  private positions(head: ConversationHead, first: number, last: number): number[] {
    const fromMemtable = this.memtable.firstSeq(head.number) ?? head.seq + 1;
    const positions =
      first < fromMemtable ? this.index.range(head.number, first, Math.min(last, fromMemtable - 1)) : [];
    for (let seq = Math.max(first, fromMemtable); seq <= Math.min(last, head.seq); seq++) {
      positions.push(this.memtable.position(head.number, seq)!);
    }
    return positions;
  }

  /** Drops messages that are in the index now from the memtable, at most `budget` of them. */
  forgetIndexed(budget: number): void {
    this.memtable.forget(this.indexWorker.indexed, budget);
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    const { inserts, rowAt, writeBody, writeRev, dropSender } = this;
    for (const statement of [...Object.values(inserts), rowAt, writeBody, writeRev, dropSender])
      statement.finalize();
    this.changes.close();
  }

  private newestSeq(conversation: number): number {
    return this.memtable.lastSeq(conversation) ?? this.index.newestSeq(conversation);
  }

  /**
   * Returns the row at `position` if it is the message of `sender` with `id`. An entry of the index does not prove that: the
   * index may be ahead of the log (it is written separately), and two messages may have the same key.
   */
  private matching(position: number, head: ConversationHead, sender: string, id: string): Row | undefined {
    const row = this.rowAt.get(position);
    if (row?.conversation !== head.number || row.seq < head.first) return undefined;
    return row.sender === sender && row.id === id ? row : undefined;
  }
}

function decodeRow({ kind, seq, id, sender, at }: Row, body: string): Entry {
  return { kind: kindOf(kind), seq, id: idOf(id, seq), from: senderOf(sender), at, body };
}
