import { encodeEvent, encodeLost } from "../../core/feed/encode-event.ts";
import type { FeedFilter } from "../../core/feed/filter.ts";
import type { Feed, FeedPosition } from "../../core/ports/feed/feed.ts";
import { type EventContentDeps, readContent } from "./event-content.ts";

/** Bytes of events after which an answer gets no more of them. One that is read already is sent, whatever its size. */
const MAX_EVENTS_BYTES = 1024 * 1024;
/** The fewest events that are read at once: so many of the largest may come after MAX_EVENTS_BYTES. */
const MIN_EVENTS_AT_ONCE = 8;
/** How often one request reads on where its filter lets nothing through. */
const MAX_READS = 20;

export interface EventReaderDeps extends EventContentDeps {
  readonly feed: Pick<Feed, "read">;
}

/** Events as they are sent. */
export interface EventPage {
  /** Each as JSON. */
  readonly events: readonly string[];
  readonly position: FeedPosition;
  /** There are later events already. */
  readonly more: boolean;
}

/** Reads the events after a position with what they are about. Returns undefined for a text that is no position. */
export async function readEvents(
  deps: EventReaderDeps,
  after: FeedPosition,
  filter: FeedFilter,
  limit: number,
): Promise<EventPage | undefined> {
  const events: string[] = [];
  let position = after;
  let bytes = 0;
  let more = true;
  for (
    let reads = 0;
    more && events.length < limit && bytes < MAX_EVENTS_BYTES && reads < MAX_READS;
    reads++
  ) {
    const page = await deps.feed.read(position, filter, countAtOnce(events.length, bytes, limit));
    if (page === undefined) return undefined;
    if (page.lost !== undefined) {
      // It comes before all others: the next request gets it.
      if (events.length > 0) break;
      events.push(encodeLost(page.lost));
    }
    const content = await readContent(deps, page.events);
    for (const event of page.events) {
      const encoded = encodeEvent(event, content.of(event));
      events.push(encoded);
      bytes += Buffer.byteLength(encoded);
    }
    ({ position, more } = page);
  }
  return { events, position, more };
}

/** As many as are likely to have room, by the size of those before. */
function countAtOnce(count: number, bytes: number, limit: number): number {
  const left = limit - count;
  if (count === 0) return Math.min(left, 4 * MIN_EVENTS_AT_ONCE);
  const room = Math.floor((MAX_EVENTS_BYTES - bytes) / (bytes / count + 1) / 2);
  return Math.min(left, Math.max(MIN_EVENTS_AT_ONCE, room));
}
