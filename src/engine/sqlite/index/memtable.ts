import { KeyTable } from "./key-table.ts";
import { FIELDS_PER_ENTRY } from "./runs/ingest.ts";

/**
 * The positions of the newest messages, which are not in the index yet. It finds the positions with a key, and the position
 * of a `seq`, as the index does, but in memory.
 */
export class Memtable {
  private readonly keys = new KeyTable();
  private readonly conversations = new Map<number, { first: number; positions: number[] }>();
  /** The messages, oldest first, each as four numbers: position, key, conversation, seq. Objects would take more memory. */
  private readonly order: number[] = [];
  private forgotten = 0;

  /** The number of messages. */
  get size(): number {
    return (this.order.length - this.forgotten) / FIELDS_PER_ENTRY;
  }

  /** Adds the message at `position`. Positions, and each conversation's `seq`, MUST grow from call to call. */
  add(position: number, conversation: number, seq: number, key: number): void {
    this.keys.add(key, position);
    const entry = this.conversations.get(conversation);
    if (entry === undefined) this.conversations.set(conversation, { first: seq, positions: [position] });
    else entry.positions.push(position);
    this.order.push(position, key, conversation, seq);
  }

  /** Returns the positions with `key`; usually none or one. */
  withKey(key: number): readonly number[] {
    return this.keys.withKey(key);
  }

  /** Returns the first `seq` of a conversation in the memtable, which has all messages from it to the newest. */
  firstSeq(conversation: number): number | undefined {
    return this.conversations.get(conversation)?.first;
  }

  /** Returns the newest `seq` of a conversation; undefined if the memtable has none of its messages. */
  lastSeq(conversation: number): number | undefined {
    const entry = this.conversations.get(conversation);
    return entry === undefined ? undefined : entry.first + entry.positions.length - 1;
  }

  /** Returns the position of `seq`, if that is at or after `firstSeq`. */
  position(conversation: number, seq: number): number | undefined {
    const entry = this.conversations.get(conversation);
    return entry?.positions[seq - entry.first];
  }

  /** Returns the numbers of the messages after one position up to another, for the index worker (runs/ingest.ts). */
  entries(after: number, upTo: number): Float64Array {
    const { order } = this;
    let from = this.forgotten;
    while (from < order.length && order[from]! <= after) from += FIELDS_PER_ENTRY;
    let to = order.length;
    while (to > from && order[to - FIELDS_PER_ENTRY]! > upTo) to -= FIELDS_PER_ENTRY;
    return new Float64Array(order.slice(from, to));
  }

  /** Drops the messages at or before `indexed`, at most `budget` of them, so that no turn of the event loop takes long. */
  forget(indexed: number, budget: number): void {
    const dropped = new Map<number, number>();
    let left = budget;
    while (this.size > 0 && this.order[this.forgotten]! <= indexed && left-- > 0) {
      const position = this.order[this.forgotten]!;
      const key = this.order[this.forgotten + 1]!;
      const conversation = this.order[this.forgotten + 2]!;
      this.forgotten += FIELDS_PER_ENTRY;
      this.keys.remove(key, position);
      dropped.set(conversation, (dropped.get(conversation) ?? 0) + 1);
    }
    for (const [conversation, count] of dropped) {
      const entry = this.conversations.get(conversation)!;
      if (count === entry.positions.length) this.conversations.delete(conversation);
      else {
        entry.positions.splice(0, count);
        entry.first += count;
      }
    }
    if (this.forgotten > 196_608 || this.size === 0) {
      this.order.splice(0, this.forgotten);
      this.forgotten = 0;
    }
  }

  clear(): void {
    this.keys.clear();
    this.conversations.clear();
    this.order.length = 0;
    this.forgotten = 0;
  }
}
