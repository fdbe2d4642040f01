import type { ChangedEntry } from "../../../core/changes/fold.ts";
import type { StoredChange } from "../../../core/ports/conversation/changes.ts";
import { NO_CHANGES, type Rev } from "./encoding.ts";

/** Changes that a feed has missed, summed up. */
export interface Fold {
  /** The newest change that is contained. */
  readonly rev: Rev;
  /** The newest message when they were read: they come after it. */
  readonly after: number;
  readonly changed: readonly ChangedEntry[];
}

/** The changes of a feed that wait for others, or for messages. */
export class ChangeQueue {
  /** The newest change that was delivered. */
  last: Rev = NO_CHANGES;
  /** The newest change that is known to exist. */
  newest = 0;
  fold: Fold | undefined;
  private readonly waiting = new Map<number, { readonly change: StoredChange; readonly after: number }>();
  /** Of messages that wait: the newest change when they were stored. */
  private readonly before = new Map<number, number>();

  /** From now on changes after `rev` are delivered. */
  reset(rev: Rev): void {
    this.last = rev;
    this.newest = rev.rev;
    this.fold = undefined;
    this.waiting.clear();
    this.before.clear();
  }

  note(rev: number): void {
    if (rev > this.newest) this.newest = rev;
  }

  add(change: StoredChange, after: number): void {
    this.note(change.rev);
    if (change.rev > this.last.rev) this.waiting.set(change.rev, { change, after });
  }

  /** Whether another change has the number of the newest one that was delivered: the store has lost that one. */
  contradicts({ rev, at }: StoredChange): boolean {
    return rev === this.last.rev && this.last.at > 0 && at !== this.last.at;
  }

  /** A message comes after the change `rev`. */
  addMessage(seq: number, rev: number): void {
    this.note(rev);
    if (rev > this.last.rev) this.before.set(seq, rev);
  }

  /** Whether all changes are delivered that come before a message. Those that a fold contains are not waited for. */
  allows(seq: number): boolean {
    const rev = this.before.get(seq);
    if (rev === undefined || rev <= this.last.rev) return true;
    return this.fold !== undefined && seq <= this.fold.after && rev <= this.fold.rev.rev;
  }

  /** A message was delivered. */
  delivered(seq: number): void {
    this.before.delete(seq);
  }

  /** Whether nothing waits; so it is in conversations without changes. */
  get isIdle(): boolean {
    return this.waiting.size === 0 && this.fold === undefined && this.newest <= this.last.rev;
  }

  /** Whether the change that must be delivered next is missing. */
  get hasGap(): boolean {
    return this.newest > this.last.rev && this.fold === undefined && !this.waiting.has(this.last.rev + 1);
  }

  /** Returns the next change if all messages before it are delivered, and removes it. */
  take(lastDelivered: number, upTo: number): StoredChange | undefined {
    const rev = this.last.rev + 1;
    const next = this.waiting.get(rev);
    if (next === undefined || next.after > lastDelivered || rev > upTo) return undefined;
    this.waiting.delete(rev);
    return next.change;
  }

  /** Returns the fold if all messages before it are delivered and it has something new, and removes it. */
  takeFold(lastDelivered: number): Fold | undefined {
    const { fold } = this;
    if (fold === undefined || fold.after > lastDelivered) return undefined;
    this.fold = undefined;
    if (fold.rev.rev <= this.last.rev) return undefined;
    return fold;
  }

  /** A change or fold was delivered. */
  advance(rev: Rev): void {
    this.last = rev;
    this.note(rev.rev);
    for (const waiting of this.waiting.keys()) if (waiting <= rev.rev) this.waiting.delete(waiting);
  }
}
