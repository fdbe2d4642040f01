import type { FeedFilter } from "../../core/feed/filter.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Feed, FeedPosition } from "../../core/ports/feed/feed.ts";
import type { FeedEventType } from "../../protocol/feed/event-types.ts";
import { AskedTypes } from "./asked-types.ts";
import { type EventPage, type EventReaderDeps, readEvents } from "./event-reader.ts";

/** Requests that may wait for events at a time on this node. */
export const MAX_WAITING_READERS = 500;
/**
 * How long a request gathers events after the first one has come, in milliseconds: otherwise a reader of a busy server would ask again
 * for each of them.
 */
const GATHER_MS = 20;

export interface EventFeedDeps extends EventReaderDeps {
  readonly feed: Feed;
  readonly clock: Pick<Clock, "now" | "wall">;
  /** RETENTION_EVENT_DAYS. */
  readonly retentionDays: number;
}

/** A request for events. */
export interface EventRequest {
  readonly after: FeedPosition;
  readonly filter: FeedFilter;
  readonly limit: number;
  /** How long it may wait for the first event, in milliseconds. */
  readonly waitMs: number;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** The feed as requests over HTTP read it. */
export class EventFeed {
  private readonly asked: AskedTypes;
  private readonly waiting = new Set<() => void>();
  private isStopped = false;

  constructor(private readonly deps: EventFeedDeps) {
    const { feed, clock, retentionDays } = deps;
    this.asked = new AskedTypes(feed, clock, retentionDays);
  }

  /** How many requests wait. */
  get waitingReaders(): number {
    return this.waiting.size;
  }

  /** Whether one more request may wait. */
  get hasRoom(): boolean {
    return this.waiting.size < MAX_WAITING_READERS;
  }

  /** A reader asks for these types, or for all. Resolves when they are written from now on (EV5). */
  ask(types: ReadonlySet<FeedEventType> | undefined): Promise<void> {
    return this.asked.ask(types);
  }

  /** Returns the position after the newest event. */
  newest(): Promise<FeedPosition> {
    return this.deps.feed.newest();
  }

  /** Reads events, and waits for the first one where there is none. Undefined: `after` is not a position. */
  async read({ after, filter, limit, waitMs, signal }: EventRequest): Promise<EventPage | undefined> {
    if (waitMs === 0) return readEvents(this.deps, after, filter, limit);
    const deadline = performance.now() + waitMs;
    for (let position = after; ; ) {
      // Watched before the read: what comes after the read is seen.
      const news = this.watch(signal);
      try {
        const page = await readEvents(this.deps, position, filter, limit);
        const left = deadline - performance.now();
        if (page === undefined || page.events.length > 0) return page;
        if (left <= 0 || this.isStopped || signal.aborted) return page;
        position = page.position;
        if (!page.more) await news.wait(left);
      } finally {
        news.stop();
      }
    }
  }

  /** Ends all waits: the requests are answered with what there is. */
  stop(): void {
    this.isStopped = true;
    for (const wake of this.waiting) wake();
  }

  /** Begins to watch the feed for one request. */
  private watch(signal: AbortSignal): { wait(milliseconds: number): Promise<void>; stop(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    let gathering: ReturnType<typeof setTimeout> | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stopWatching = this.deps.feed.watch(() => {
      gathering ??= setTimeout(wake, GATHER_MS);
    });
    this.waiting.add(wake);
    signal.addEventListener("abort", wake);
    return {
      wait(milliseconds) {
        timer = setTimeout(wake, milliseconds);
        return promise;
      },
      stop: () => {
        stopWatching();
        clearTimeout(gathering);
        clearTimeout(timer);
        this.waiting.delete(wake);
        signal.removeEventListener("abort", wake);
      },
    };
  }
}
