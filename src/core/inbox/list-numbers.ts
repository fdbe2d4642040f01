/** What is sent of a list beside its items. */
export interface ListTotals {
  readonly unread: number;
  /** The conversations with something unread. */
  readonly unreadConversations: number;
}

const FIRST_CAPACITY = 16;
const MIN_FREE_TO_SHRINK = 4;

/**
 * The unread numbers of one list, by the number that a node has given each conversation, and what was sent of each item last.
 * A node keeps them for the users who asked for an inbox, so they take 16 bytes for a conversation and not an object.
 */
export class ListNumbers {
  private names = new Uint32Array(FIRST_CAPACITY);
  private unread = new Uint32Array(FIRST_CAPACITY);
  private digests = new Float64Array(FIRST_CAPACITY);
  private count = 0;
  private total = 0;
  private withUnread = 0;

  get size(): number {
    return this.count;
  }

  get totals(): ListTotals {
    return { unread: this.total, unreadConversations: this.withUnread };
  }

  has(conversation: number): boolean {
    return this.find(conversation) >= 0;
  }

  /** Adds a conversation, or changes its number. */
  set(conversation: number, unread: number): void {
    let at = this.find(conversation);
    if (at < 0) {
      at = this.count;
      this.add(conversation);
    }
    const before = this.unread[at]!;
    this.total += unread - before;
    this.withUnread += Number(unread > 0) - Number(before > 0);
    this.unread[at] = unread;
  }

  /** Adds a conversation that MUST NOT be in the list, with nothing unread. */
  add(conversation: number): void {
    if (this.count === this.names.length) this.resize(this.count * 2);
    const at = this.count++;
    this.names[at] = conversation;
    this.unread[at] = 0;
    this.digests[at] = 0;
  }

  /** Changes the numbers of all conversations that `unread` has, which costs no search for each. */
  setAll(unread: ReadonlyMap<number, number>): void {
    this.total = 0;
    this.withUnread = 0;
    for (let at = 0; at < this.count; at++) {
      const number = unread.get(this.names[at]!) ?? this.unread[at]!;
      this.unread[at] = number;
      this.total += number;
      if (number > 0) this.withUnread++;
    }
  }

  /** Records what is sent of an item; returns false if the same was sent before. The conversation MUST be in the list. */
  note(conversation: number, digest: number): boolean {
    const at = this.find(conversation);
    if (this.digests[at] === digest) return false;
    this.digests[at] = digest;
    return true;
  }

  /** Returns whether the conversation was in the list. */
  delete(conversation: number): boolean {
    const at = this.find(conversation);
    if (at < 0) return false;
    this.set(conversation, 0);
    const last = --this.count;
    this.names[at] = this.names[last]!;
    this.unread[at] = this.unread[last]!;
    this.digests[at] = this.digests[last]!;
    if (this.count * MIN_FREE_TO_SHRINK < this.names.length && this.names.length > FIRST_CAPACITY)
      this.resize(this.names.length / 2);
    return true;
  }

  /** The conversations of the list as they are now. */
  conversations(): readonly number[] {
    return Array.from(this.names.subarray(0, this.count));
  }

  /** A search through 10,000 numbers takes some microseconds; a map would take three times the memory. */
  private find(conversation: number): number {
    const at = this.names.indexOf(conversation);
    return at < this.count ? at : -1;
  }

  private resize(capacity: number): void {
    const { names, unread, digests, count } = this;
    this.names = new Uint32Array(capacity);
    this.unread = new Uint32Array(capacity);
    this.digests = new Float64Array(capacity);
    this.names.set(names.subarray(0, count));
    this.unread.set(unread.subarray(0, count));
    this.digests.set(digests.subarray(0, count));
  }
}
