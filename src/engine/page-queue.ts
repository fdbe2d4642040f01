import type { Entry } from "../core/conversation/entry.ts";

/** Which messages of a conversation are wanted: `after` < seq ≤ `upTo`, the oldest `count` of them. */
export interface PageRequest {
  readonly conversation: string;
  readonly after: number;
  readonly upTo: number;
  readonly count: number;
}

export type Page = readonly Entry[] | undefined;

/**
 * Requests that may wait; further ones get undefined. A connection waits for one page at a time, and one machine holds
 * fewer connections than this.
 */
const MAX_WAITING = 65_536;

interface PendingPage {
  readonly request: PageRequest;
  readonly promise: Promise<Page>;
  readonly resolve: (page: Page) => void;
}

/**
 * Reads pages for clients that resume, in the order of their requests and one at a time, so that thousands of clients that
 * resume at once do not delay posts. Requests for the same page share one read: after a network failure, all members of a
 * conversation resume from the same `seq`.
 */
export class PageQueue {
  private readonly waiting = new Map<string, PendingPage>();
  private reading = false;

  /**
   * `read` returns undefined when a page cannot be read. `waitForWrites` is called before every `maxInARow` pages and
   * resolves when the posts in progress are stored. Neither function may reject.
   */
  constructor(
    private readonly read: (request: PageRequest) => Promise<Page> | Page,
    private readonly waitForWrites: () => Promise<unknown>,
    private readonly maxInARow: number,
  ) {}

  /** Resolves with the page, or with undefined when it cannot be read or too many requests wait. */
  add(request: PageRequest): Promise<Page> {
    const name = `${request.after} ${request.upTo} ${request.count} ${request.conversation}`;
    const same = this.waiting.get(name);
    if (same !== undefined) return same.promise;
    if (this.waiting.size >= MAX_WAITING) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<Page>();
    this.waiting.set(name, { request, promise, resolve });
    if (!this.reading) this.readAll();
    return promise;
  }

  /** Resolves all waiting requests with undefined. */
  refuseAll(): void {
    for (const { resolve } of this.waiting.values()) resolve(undefined);
    this.waiting.clear();
  }

  private async readAll(): Promise<void> {
    this.reading = true;
    for (let i = 0; this.waiting.size > 0; i++) {
      if (i % this.maxInARow === 0) await this.waitForWrites();
      // `refuseAll` may have been called while this function waited.
      if (this.waiting.size === 0) break;
      const [name, { request, resolve }] = this.waiting.entries().next().value!;
      this.waiting.delete(name);
      resolve(await this.read(request));
    }
    this.reading = false;
  }
}
