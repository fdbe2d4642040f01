import type { Database } from "bun:sqlite";
import { messageKey } from "../../../../../src/engine/sqlite/index/message-key.ts";
import { BlockStore } from "../../../../../src/engine/sqlite/index/runs/block-store.ts";
import { Compactor } from "../../../../../src/engine/sqlite/index/runs/compaction.ts";
import { ingest } from "../../../../../src/engine/sqlite/index/runs/ingest.ts";
import { prune } from "../../../../../src/engine/sqlite/index/runs/prune.ts";
import { RunReader } from "../../../../../src/engine/sqlite/index/runs/run-reader.ts";
import { type Run, readRuns } from "../../../../../src/engine/sqlite/index/runs/run-table.ts";
import type { Random } from "../../../../support/random.ts";
import { encodeEntries, type TestEntry } from "./test-entries.ts";

/** The runs of an index, and plain maps of the same messages. Every operation is applied to both. */
export class ModelledIndex implements Disposable {
  readonly reader: RunReader;
  readonly compactor: Compactor;
  /** The messages of each conversation that are stored, by `seq`. */
  readonly conversations = new Map<number, Map<number, TestEntry>>();
  readonly keys = new Map<number, TestEntry[]>();
  private readonly blocks: BlockStore;
  private readonly stored = new Map<number, TestEntry>();
  private readonly newest = new Map<number, number>();
  private position = 0;

  constructor(readonly index: Database) {
    this.reader = new RunReader(index);
    this.blocks = new BlockStore(index);
    // Slices so small that most merges are cut into several, and others come in between.
    this.compactor = new Compactor(index, this.blocks, 3_000);
  }

  /** Messages that come next, in conversations below `conversations`. */
  make(count: number, conversations: number, random: Random): TestEntry[] {
    return Array.from({ length: count }, () => {
      const conversation = random.between(1, conversations);
      const seq = (this.newest.get(conversation) ?? 0) + 1;
      this.newest.set(conversation, seq);
      // Positions may have holes, and two names the same key.
      this.position += random.between(0, 999) === 0 ? random.between(1, 100_000) : 1;
      const key = messageKey(1, conversation, "anna", String(random.between(0, 9) === 0 ? seq >> 4 : seq));
      return { position: this.position, key, conversation, seq };
    });
  }

  take(messages: readonly TestEntry[]): void {
    this.index
      .transaction(() => ingest(this.index, this.blocks, encodeEntries(messages), () => {}))
      .immediate();
    for (const message of messages) {
      this.stored.set(message.position, message);
      const own = this.conversations.get(message.conversation) ?? new Map<number, TestEntry>();
      this.conversations.set(message.conversation, own.set(message.seq, message));
      const sharing = this.keys.get(message.key);
      if (sharing === undefined) this.keys.set(message.key, [message]);
      else sharing.push(message);
    }
  }

  /** Removes messages of a conversation below `floor` as the cleaner does, in steps; `steps` of them, then it is cut off. */
  remove(conversation: number, floor: number, steps: number, count = 100): void {
    for (let step = 0; step < steps; step++) {
      const isStored = (position: number) => this.stored.has(position);
      const order = { conversation, below: floor, count };
      const { positions, more } = prune(this.index, this.reader, isStored, order);
      if (positions.length === 0 && !more) return;
      for (const position of positions) {
        const message = this.stored.get(position)!;
        this.stored.delete(position);
        this.conversations.get(conversation)!.delete(message.seq);
        const others = this.keys.get(message.key)!.filter((other) => other !== message);
        this.keys.set(message.key, others);
      }
    }
  }

  runs(): Run[] {
    return readRuns(this.index);
  }

  [Symbol.dispose](): void {
    for (const part of [this.reader, this.compactor, this.blocks]) part.close();
    this.index.close();
  }
}
