import type { Database } from "bun:sqlite";
import { messageKey } from "../../../../src/engine/sqlite/message-key.ts";
import { drop } from "../../../../src/engine/sqlite/runs/dropping.ts";
import { Merger } from "../../../../src/engine/sqlite/runs/merging.ts";
import { RunReader } from "../../../../src/engine/sqlite/runs/reader.ts";
import { type Run, readRuns } from "../../../../src/engine/sqlite/runs/table.ts";
import { NUMBERS, takeIn } from "../../../../src/engine/sqlite/runs/taking-in.ts";
import { PieceWriter } from "../../../../src/engine/sqlite/runs/writer.ts";
import type { Random } from "../../../support/random.ts";

/** A message as plain data. */
export interface Named {
  readonly position: number;
  readonly key: number;
  readonly conversation: number;
  readonly seq: number;
}

/** The runs of an index beside plain maps of the same messages. Whatever is done is done to both. */
export class Modelled implements Disposable {
  readonly reader: RunReader;
  readonly merger: Merger;
  /** The messages of each conversation that are stored, by `seq`. */
  readonly conversations = new Map<number, Map<number, Named>>();
  readonly keys = new Map<number, Named[]>();
  private readonly writer: PieceWriter;
  private readonly stored = new Set<number>();
  private readonly newest = new Map<number, number>();
  private position = 0;

  constructor(readonly index: Database) {
    this.reader = new RunReader(index);
    this.writer = new PieceWriter(index);
    this.merger = new Merger(index, this.writer);
  }

  /** Messages that come next, in conversations below `conversations`. */
  make(count: number, conversations: number, random: Random): Named[] {
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

  take(messages: readonly Named[]): void {
    const numbers = new Float64Array(messages.length * NUMBERS);
    messages.forEach(({ position, key, conversation, seq }, i) => {
      numbers.set([position, key, conversation, seq], i * NUMBERS);
    });
    this.index.transaction(() => takeIn(this.index, this.writer, numbers, () => {})).immediate();
    for (const message of messages) {
      this.stored.add(message.position);
      const own = this.conversations.get(message.conversation) ?? new Map<number, Named>();
      this.conversations.set(message.conversation, own.set(message.seq, message));
      this.keys.set(message.key, [...(this.keys.get(message.key) ?? []), message]);
    }
  }

  /** Removes messages of a conversation below `floor` as the cleaner does, in steps; `steps` of them, then it is cut off. */
  remove(conversation: number, floor: number, steps: number, count = 100): void {
    for (let step = 0; step < steps; step++) {
      const isStored = (position: number) => this.stored.has(position);
      const order = { conversation, below: floor, count };
      const { positions, more } = drop(this.index, this.reader, isStored, order);
      if (positions.length === 0 && !more) return;
      const gone = new Set(positions);
      for (const position of gone) this.stored.delete(position);
      const own = this.conversations.get(conversation)!;
      for (const message of own.values()) {
        if (!gone.has(message.position)) continue;
        own.delete(message.seq);
        const others = this.keys.get(message.key)!.filter((other) => other !== message);
        this.keys.set(message.key, others);
      }
    }
  }

  runs(): Run[] {
    return readRuns(this.index);
  }

  [Symbol.dispose](): void {
    for (const part of [this.reader, this.merger, this.writer]) part.close();
    this.index.close();
  }
}
