import type { Entry } from "../core/conversation/entry.ts";

/** Which messages of a conversation are wanted: `after` < seq ≤ `upTo`, the oldest `count` of them. */
export interface PageRequest {
  readonly conversation: string;
  readonly after: number;
  readonly upTo: number;
  readonly count: number;
}

export type Page = readonly Entry[];

/**
 * Requests that may wait; further ones get undefined. A connection waits for one page at a time, and one machine holds
 * fewer connections than this.
 */
const MAX_WAITING = 65_536;

/** The name of a page: requests for the same page have the same one. */
export function pageName({ conversation, after, upTo, count }: PageRequest): string {
  return `${after} ${upTo} ${count} ${conversation}`;
}

interface PendingPage<Request, Result> {
  readonly request: Request;
  readonly promise: Promise<Result | undefined>;
  readonly resolve: (page: Result | undefined) => void;
}

export interface PageQueueOptions<Request, Result> {
  /** Returns undefined when a page cannot be read. MUST NOT reject, as `waitForWrites`. */
  readonly read: (request: Request) => Promise<Result | undefined> | Result | undefined;
  /** Requests with the same name share one read. */
  readonly nameOf: (request: Request) => string;
  /** Is called before every `maxInARow` pages, and resolves when the posts in progress are stored. */
  readonly waitForWrites: () => Promise<unknown>;
  readonly maxInARow: number;
}

/**
 * Reads pages for clients that resume, in the order of their requests and one at a time, so that thousands of clients that
 * resume at once do not delay posts. Requests for the same page share one read: after a network failure, all members of a
 * conversation resume from the same `seq`.
 */
export class PageQueue<Request, Result> {
  private readonly waiting = new Map<string, PendingPage<Request, Result>>();
  private reading = false;

  constructor(private readonly options: PageQueueOptions<Request, Result>) {}

  /** Resolves with the page, or with undefined when it cannot be read or too many requests wait. */
  add(request: Request): Promise<Result | undefined> {
    const name = this.options.nameOf(request);
    const same = this.waiting.get(name);
    if (same !== undefined) return same.promise;
    if (this.waiting.size >= MAX_WAITING) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<Result | undefined>();
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
    const { read, waitForWrites, maxInARow } = this.options;
    for (let i = 0; this.waiting.size > 0; i++) {
      if (i % maxInARow === 0) await waitForWrites();
      // `refuseAll` may have been called while this function waited.
      if (this.waiting.size === 0) break;
      const [name, { request, resolve }] = this.waiting.entries().next().value!;
      this.waiting.delete(name);
      resolve(await read(request));
    }
    this.reading = false;
  }
}
