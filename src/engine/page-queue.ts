import type { Entry } from "../core/conversation/entry.ts";

/** Which messages of a conversation are wanted: `after` < seq ≤ `upTo`, the oldest `count` of them. */
export interface PageRequest {
  readonly conversation: string;
  readonly after: number;
  readonly upTo: number;
  readonly count: number;
}

export type Page = readonly Entry[] | undefined;

/** Pages that may wait; more are not read. Above what one machine holds in connections, each of which waits for one. */
const MAX_WAITING = 65_536;

interface PendingPage {
  readonly request: PageRequest;
  readonly promise: Promise<Page>;
  readonly resolve: (page: Page) => void;
}

/**
 * Reads pages for clients that return, in the order of their requests and one at a time, so that thousands that return at
 * once do not delay posts. Requests for the same page, as after all of a conversation were cut off together, share one read.
 */
export class PageQueue {
  private readonly waiting = new Map<string, PendingPage>();
  private reading = false;

  /**
   * `read` returns undefined where a page cannot be read. `waitForWrites` waits for the posts that are under way, before
   * each `maxInARow` pages. Neither may reject.
   */
  constructor(
    private readonly read: (request: PageRequest) => Promise<Page> | Page,
    private readonly waitForWrites: () => Promise<unknown>,
    private readonly maxInARow: number,
  ) {}

  /** The page, or undefined when it cannot be read or too many wait. */
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
      // They may have been refused meanwhile.
      if (this.waiting.size === 0) break;
      const [name, { request, resolve }] = this.waiting.entries().next().value!;
      this.waiting.delete(name);
      resolve(await this.read(request));
    }
    this.reading = false;
  }
}
