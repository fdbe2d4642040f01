/**
 * A page of a list that a store reads in the order that is cheapest for it. What is in the list all the time is on one of its
 * pages; on a store of several servers that change, it can be on two. A page may be shorter than asked for, and empty.
 */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** With which the next page is asked for; undefined after the last one. */
  readonly next: string | undefined;
}
