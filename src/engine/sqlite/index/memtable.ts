import { FIELDS_PER_ENTRY } from "./runs/ingest.ts";

/**
 * Where the newest messages stand in the log: those that the index file has not taken in yet. It answers the same two
 * questions as the index, "which position has this key" and "which position has this seq", from memory.
 */
export class Memtable {
  private readonly keys = new Map<number, number | number[]>();
  private readonly conversations = new Map<number, { first: number; positions: number[] }>();
  /** What was added, oldest first: position, key, conversation and seq as four numbers a message, so that none is an object. */
  private readonly order: number[] = [];
  private forgotten = 0;

  /** How many messages it holds. */
  get size(): number {
    return (this.order.length - this.forgotten) / FIELDS_PER_ENTRY;
  }

  /** Adds the message at `position`. Positions, and each conversation's `seq`, MUST grow from call to call. */
  add(position: number, conversation: number, seq: number, key: number): void {
    const known = this.keys.get(key);
    if (known === undefined) this.keys.set(key, position);
    else this.keys.set(key, [...(typeof known === "number" ? [known] : known), position]);
    const entry = this.conversations.get(conversation);
    if (entry === undefined) this.conversations.set(conversation, { first: seq, positions: [position] });
    else entry.positions.push(position);
    this.order.push(position, key, conversation, seq);
  }

  /** Positions that share `key`; usually none or one. */
  withKey(key: number): readonly number[] {
    const found = this.keys.get(key);
    return found === undefined ? [] : typeof found === "number" ? [found] : found;
  }

  /** The first `seq` of a conversation that is here; everything from it to the newest is. */
  firstSeq(conversation: number): number | undefined {
    return this.conversations.get(conversation)?.first;
  }

  /** The newest `seq` of a conversation, when any of its messages is here. */
  lastSeq(conversation: number): number | undefined {
    const entry = this.conversations.get(conversation);
    return entry === undefined ? undefined : entry.first + entry.positions.length - 1;
  }

  /** Where `seq` stands, when it is at or after `firstSeq`. */
  position(conversation: number, seq: number): number | undefined {
    const entry = this.conversations.get(conversation);
    return entry?.positions[seq - entry.first];
  }

  /** What the keeper takes in (runs/ingest.ts): the messages after a position, up to another. */
  entries(after: number, upTo: number): Float64Array {
    const { order } = this;
    let from = this.forgotten;
    while (from < order.length && order[from]! <= after) from += FIELDS_PER_ENTRY;
    let to = order.length;
    while (to > from && order[to - FIELDS_PER_ENTRY]! > upTo) to -= FIELDS_PER_ENTRY;
    return new Float64Array(order.slice(from, to));
  }

  /** Drops what stands at or before `indexed`, at most `budget` messages, so that no turn is long. */
  forget(indexed: number, budget: number): void {
    const dropped = new Map<number, number>();
    let left = budget;
    while (this.size > 0 && this.order[this.forgotten]! <= indexed && left-- > 0) {
      const [position, key, conversation] = this.order.slice(this.forgotten, this.forgotten + 3) as [
        number,
        number,
        number,
      ];
      this.forgotten += FIELDS_PER_ENTRY;
      const known = this.keys.get(key)!;
      const others = typeof known === "number" ? [] : known.filter((other) => other !== position);
      if (others.length === 0) this.keys.delete(key);
      else this.keys.set(key, others);
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
