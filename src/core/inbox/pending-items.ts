// The changes of one inbox that wait for one socket (IN2). Items are states, so of the changes of a conversation only the newest
// waits, in the place of the first one. However slow the line is, no more than one item of each conversation waits.

/** An item that is sent next. */
export interface SentItem {
  /** The item as JSON. */
  readonly item: string;
  /**
   * The time of the position that goes with it, in milliseconds since 1970 by the store's clock. No change that still waits is
   * older: a client that is cut off now comes back with this position, and gets those.
   */
  readonly time: number;
}

interface PendingItem {
  readonly item: string;
  /** The client lacks changes of this conversation since this time. */
  readonly since: number;
}

/** The items that wait for one socket, in the order in which their conversations began to wait. */
export class PendingItems {
  // A Map keeps the place of a key whose value is replaced.
  private readonly items = new Map<string, PendingItem>();
  /** All changes before this time were added. */
  private time = 0;

  get isEmpty(): boolean {
    return this.items.size === 0;
  }

  /** The conversations that wait. */
  get size(): number {
    return this.items.size;
  }

  /** Adds the state of a conversation; it replaces the one that waits. */
  add(conversation: string, item: string): void {
    this.items.set(conversation, { item, since: this.items.get(conversation)?.since ?? this.time });
  }

  /** Records that all changes before `time`, of any conversation, were added. Times MUST NOT decrease. */
  reach(time: number): void {
    this.time = Math.max(this.time, time);
  }

  /** Removes the state of a conversation, because the client gets a newer one by other means. */
  drop(conversation: string): void {
    this.items.delete(conversation);
  }

  /** Returns the time of a position that is sent before the items that wait, with a list as it was at `time`. */
  timeBefore(time: number): number {
    const next = this.items.values().next();
    return next.done ? time : Math.min(time, next.value.since);
  }

  /** Removes all, because the client gets the whole list instead, as it was at `time`. */
  restart(time: number): void {
    this.items.clear();
    this.time = Math.max(this.time, time);
  }

  /** Takes the item that has waited longest; undefined when none waits. */
  take(): SentItem | undefined {
    const first = this.items.entries().next();
    if (first.done) return undefined;
    const [conversation, { item }] = first.value;
    this.items.delete(conversation);
    const next = this.items.values().next();
    return { item, time: next.done ? this.time : next.value.since };
  }
}
