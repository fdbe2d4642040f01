import type { Database, Statement } from "bun:sqlite";
import type { BlockStore } from "./block-store.ts";
import { type CompactionTask, nextCompaction } from "./compaction-plan.ts";
import {
  bucketScale,
  bucketsFor,
  decodeKeyBlock,
  KeyBlockBuilder,
  overlappingBuckets,
} from "./key-blocks.ts";
import { type Run, readRuns } from "./run-table.ts";
import { decodeSeqBlock, SeqBlockBuilder, type SeqBlockReader, type SeqRow } from "./seq-blocks.ts";

/** The number of entries that one transaction merges. */
const SLICE_ENTRIES = 32_768;
/** The number of blocks that one transaction deletes, and the cost of deleting one, in merged entries. */
const SLICE_BLOCKS = 1_024;
const BLOCK_COST = 8;
/** The number of blocks that one query reads. */
const READ_AHEAD_BLOCKS = 32;

/**
 * Merges several runs into one, in slices. Each slice is a transaction that also records the progress, so a crash loses at most
 * one slice. Look-ups read the old runs until the new one is whole.
 */
export class Compactor {
  private readonly markers: Statement<{ below: number }>;
  /** For the run whose keys are being merged: a bit for each position from its first, set if the run keeps that message. */
  private kept: { readonly run: number; readonly bits: Uint8Array } | undefined;

  constructor(
    private readonly index: Database,
    private readonly blocks: BlockStore,
    private readonly sliceEntries = SLICE_ENTRIES,
  ) {
    this.markers = index.prepare("select below from cleaned where conversation = ?");
  }

  /** Merges about `budget` entries, or fewer if there is no more task. Throws BlockCorrupted. */
  work(budget: number): void {
    for (let left = budget; left > 0; ) {
      const task = nextCompaction(readRuns(this.index));
      if (task === undefined) return;
      left -= this.index.transaction(() => this.runTask(task)).immediate();
    }
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.markers.finalize();
  }

  /** Carries out one slice of a task. Returns its cost, in merged entries. */
  private runTask(task: CompactionTask): number {
    switch (task.kind) {
      case "begin":
        return this.begin(task.sources, task.level);
      case "go_on":
        return task.target.state === "by_seq"
          ? this.compactSeqs(task.target, task.sources)
          : this.compactKeys(task.target, task.sources);
      case "discard":
        this.discard(task.run);
        return 1;
      case "delete":
        return this.delete(task.run);
      default:
        return task satisfies never;
    }
  }

  private begin(sources: readonly Run[], level: number): number {
    const live = sources.reduce((sum, run) => sum + run.entries - run.dropped, 0);
    this.index
      .query(`insert into run (state, first, last, level, buckets, entries) values ('by_seq', ?, ?, ?, ?, 0)`)
      .run(sources[0]!.first, sources.at(-1)!.last, level, bucketsFor(live));
    return 1;
  }

  private compactSeqs(target: Run, sources: readonly Run[]): number {
    const cursors = sources.map((run) => new SeqCursor(this.index, run, target));
    const dropped = sources.some((run) => run.dropped > 0);
    const builder = new SeqBlockBuilder((conversation, seq, block) =>
      this.blocks.writeSeqs(target.id, conversation, seq, block),
    );
    let { at_conversation: conversation, at_seq: last, entries } = target;
    let below = dropped ? this.cleanedBelow(conversation) : 0;
    let seen = 0;
    let cursor = lowest(cursors);
    for (; cursor !== undefined && seen < this.sliceEntries; cursor = lowest(cursors)) {
      const { groups, offset } = cursor;
      if (dropped && groups.conversation !== conversation) below = this.cleanedBelow(groups.conversation);
      ({ conversation, last } = groups);
      const first = Math.max(groups.first, below);
      if (first <= last) {
        groups.appendTo(builder, first, offset);
        entries += last - first + 1;
      }
      seen += last - groups.first + 1;
      cursor.next();
    }
    builder.flush();
    this.index
      .query("update run set state = ?, entries = ?, at_conversation = ?, at_seq = ? where id = ?")
      .run(cursor === undefined ? "by_key" : "by_seq", entries, conversation, last, target.id);
    return seen + 1;
  }

  private compactKeys(target: Run, sources: readonly Run[]): number {
    const { buckets, at_bucket: from } = target;
    const to = Math.min(from + bucketsFor(this.sliceEntries), buckets);
    const scale = bucketScale(buckets);
    const kept = this.keptBy(target, sources);
    const builder = new KeyBlockBuilder(this.sliceEntries);
    let seen = 0;
    for (const run of sources) {
      const offset = run.first - target.first;
      const rows = this.blocks.keys(run.id, ...overlappingBuckets(from, to, buckets, run.buckets));
      for (const row of rows) {
        const { keys, offsets } = decodeKeyBlock(row);
        seen += keys.length;
        for (let i = 0; i < keys.length; i++) {
          const bucket = Math.floor(keys[i]! * scale);
          if (bucket < from || bucket >= to) continue;
          const place = offset + offsets[i]!;
          if (kept === undefined || (kept[place >>> 3]! & (1 << (place & 7))) !== 0)
            builder.add(keys[i]!, place);
        }
      }
    }
    builder.build(buckets, from, to, (bucket, block) => this.blocks.writeKeys(target.id, bucket, block));
    if (to < buckets) this.index.query("update run set at_bucket = ? where id = ?").run(to, target.id);
    else this.finish(target, sources);
    return seen + 1;
  }

  private finish(target: Run, sources: readonly Run[]): void {
    const live = sources.reduce((sum, run) => sum + run.entries - run.dropped, 0);
    for (const run of sources) this.discard(run);
    // Messages that were removed after their entries were copied still have an entry in the new run.
    this.index
      .query("update run set state = 'whole', dropped = ? where id = ?")
      .run(target.entries - live, target.id);
    this.kept = undefined;
  }

  /**
   * Returns the bits of `kept`; undefined if the new run keeps all entries. They are read from the seq blocks that are already
   * merged, so the result is the same after a crash.
   */
  private keptBy(target: Run, sources: readonly Run[]): Uint8Array | undefined {
    if (target.entries === sources.reduce((sum, run) => sum + run.entries, 0)) return undefined;
    if (this.kept?.run === target.id) return this.kept.bits;
    const bits = new Uint8Array(Math.ceil((target.last - target.first + 1) / 8));
    for (const row of this.blocks.eachSeqs(target)) {
      const groups = decodeSeqBlock(row);
      while (groups.next())
        for (let seq = groups.first; seq <= groups.last; seq++) {
          const place = groups.offsetOf(seq);
          bits[place >>> 3]! |= 1 << (place & 7);
        }
    }
    this.kept = { run: target.id, bits };
    return bits;
  }

  private discard(run: Run): void {
    this.index.query("update run set state = 'discarded' where id = ?").run(run.id);
  }

  private delete(run: Run): number {
    const deleted = this.blocks.delete(run.id, SLICE_BLOCKS);
    if (deleted === 0) this.index.query("delete from run where id = ?").run(run.id);
    return deleted * BLOCK_COST + 1;
  }

  private cleanedBelow(conversation: number): number {
    return this.markers.get(conversation)?.below ?? 0;
  }
}

/** Returns the cursor with the next group; of two groups of one conversation, that with the lower `seq` comes first. */
function lowest(cursors: readonly SeqCursor[]): SeqCursor | undefined {
  let best: SeqCursor | undefined;
  for (const cursor of cursors) {
    if (cursor.ended) continue;
    const { conversation, first } = cursor.groups;
    if (
      best === undefined ||
      conversation < best.groups.conversation ||
      (conversation === best.groups.conversation && first < best.groups.first)
    )
      best = cursor;
  }
  return best;
}

/** Iterates over the groups of a run, starting after the last entry that `target` has. */
class SeqCursor {
  groups!: SeqBlockReader;
  ended = false;
  /** The difference between an offset in the new run and the same message's offset in this one. */
  readonly offset: number;
  private rows: SeqRow[];
  private at = 0;

  constructor(
    private readonly index: Database,
    private readonly run: Run,
    target: Run,
  ) {
    this.offset = run.first - target.first;
    const { at_conversation: conversation, at_seq: seq } = target;
    this.rows = index
      .query(
        `select run, start, sum, places from by_seq where run = ?1 and start >= coalesce(
           (select max(start) from by_seq where run = ?1 and start <= (?2 << 32 | ?3)), 0
         ) order by start limit ?4`,
      )
      .all(run.id, conversation, seq, READ_AHEAD_BLOCKS) as SeqRow[];
    this.open();
    while (
      !this.ended &&
      (this.groups.conversation < conversation ||
        (this.groups.conversation === conversation && this.groups.last <= seq))
    )
      this.next();
  }

  /** Moves to the next group; sets `ended` if there is none. */
  next(): void {
    if (this.groups.next()) return;
    this.at++;
    this.open();
  }

  private open(): void {
    if (this.at === this.rows.length && this.at > 0) {
      const before = decodeSeqBlock(this.rows[this.at - 1]!);
      before.next();
      this.rows = this.index
        .query(
          "select run, sum, places from by_seq where run = ? and start > (? << 32 | ?) order by start limit ?",
        )
        .all(this.run.id, before.conversation, before.first, READ_AHEAD_BLOCKS) as SeqRow[];
      this.at = 0;
    }
    const row = this.rows[this.at];
    if (row === undefined) {
      this.ended = true;
      return;
    }
    this.groups = decodeSeqBlock(row);
    this.groups.next();
  }
}
