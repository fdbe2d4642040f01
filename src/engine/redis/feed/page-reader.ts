import type { FeedEvent } from "../../../core/feed/feed-event.ts";
import { acceptsEvent, type FeedFilter } from "../../../core/feed/filter.ts";
import { type FeedPage, MAX_EVENTS_READ } from "../../../core/ports/feed/feed.ts";
import { decodeEntry, type FeedEntry } from "./entries.ts";
import type { EventStreams } from "./event-streams.ts";
import { encodePosition, STREAM_COUNT, type StreamPlace, type StreamPosition } from "./position.ts";

/** How often the streams are asked for one page: the second time only those that had more than their share. */
const MAX_ROUNDS = 3;

/** The smallest number of entries that is read of a stream at once. */
const MIN_COUNT = 4;

/** An entry that was read. */
interface ReadEntry {
  readonly stream: number;
  readonly id: string;
  readonly milliseconds: number;
  readonly number: number;
  readonly value: string;
}

function timeOf({ stream, id, value }: ReadEntry): number {
  return decodeEntry(stream, id, value).at;
}

/** Reads one page of events: some of each stream, in the order of their entries' times. Those of one conversation are in one stream. */
export class PageReader {
  private readonly places: (StreamPlace | undefined)[];
  private readonly entries: ReadEntry[] = [];
  /** The streams that have more entries than were read. */
  private unfinished: readonly number[];
  private readonly events: FeedEvent[] = [];
  private lost: FeedPage["lost"];
  private examined = 0;
  /** The time of the oldest event that was read of the store and is not on the page. */
  private restSince = Number.POSITIVE_INFINITY;
  private now = Number.POSITIVE_INFINITY;

  /** Without a position, reads from the oldest event that is kept. */
  constructor(
    private readonly streams: EventStreams,
    private readonly position: StreamPosition | undefined,
    private readonly filter: FeedFilter,
    private readonly limit: number,
  ) {
    this.places = [...(position?.places ?? new Array<undefined>(STREAM_COUNT).fill(undefined))];
    this.unfinished = streams.all;
  }

  /** Reads the page. `epoch` is that of the store: a position of another one may be after events that were lost. */
  async read(epoch: string): Promise<FeedPage> {
    await this.fetch();
    if (this.position !== undefined && this.position.epoch !== epoch) this.lose(this.position.time, this.now);
    const isWhole = this.take();
    const more = !isWhole || this.unfinished.length > 0;
    const time = more ? Math.min(this.restSince, this.now) : this.now;
    const { events, lost, places } = this;
    const position = encodePosition({ epoch, time: Math.max(this.position?.time ?? 0, time), places });
    return { events, position, more, ...(lost !== undefined && { lost }) };
  }

  /** The entries that are to be read: where there is a filter more than the page has events, because it lets only some through. */
  private get target(): number {
    const { types, conversations, granted } = this.filter;
    const isFiltered = types !== undefined || conversations !== undefined || granted !== undefined;
    return isFiltered ? Math.max(this.limit, MAX_EVENTS_READ / 4) : this.limit;
  }

  private async fetch(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const rest = this.target - this.entries.length;
      if (rest <= 0 || this.unfinished.length === 0) break;
      const count = Math.max(MIN_COUNT, Math.ceil(rest / this.unfinished.length));
      const fetched = this.unfinished.map((stream) => this.fetchSome(stream, count, round === 0));
      const hasMore = await Promise.all(fetched);
      this.unfinished = this.unfinished.filter((_, i) => hasMore[i]);
    }
    for (const stream of this.unfinished) {
      const last = this.entries.findLast((entry) => entry.stream === stream);
      if (last !== undefined) this.restSince = Math.min(this.restSince, timeOf(last));
    }
    this.entries.sort(
      (one, other) =>
        one.milliseconds - other.milliseconds || one.number - other.number || one.stream - other.stream,
    );
  }

  /** Reads some entries of a stream. Returns whether it may have more. */
  private async fetchSome(stream: number, count: number, isFirst: boolean): Promise<boolean> {
    const place = this.places[stream];
    const last = isFirst ? undefined : this.entries.findLast((entry) => entry.stream === stream);
    const after = last?.id ?? place?.id ?? (this.position === undefined ? "" : "0-0");
    const again = last === undefined && place?.part !== undefined;
    // One more than is used, to know whether there is more.
    const reading = await this.streams.read({ stream, after, again }, count + 1);
    const most = again ? count + 1 : count;
    this.now = Math.min(this.now, reading.now);
    if (isFirst) {
      const { missing, floor, removedUntil } = reading;
      const since = this.position?.time ?? 0;
      if (missing !== undefined) this.lose(since, missing === "lost" ? reading.now : removedUntil);
      if (missing !== undefined || place === undefined)
        this.places[stream] = floor === "" ? undefined : { id: floor };
    }
    for (const [id, value] of reading.entries.slice(0, most)) {
      const [milliseconds, number] = id.split("-").map(Number) as [number, number];
      this.entries.push({ stream, id, milliseconds, number, value });
    }
    return reading.entries.length > most;
  }

  /** Puts events on the page until it is full. Returns whether all entries were taken. */
  private take(): boolean {
    for (const [i, entry] of this.entries.entries()) {
      const decoded = decodeEntry(entry.stream, entry.id, entry.value);
      const place = this.places[entry.stream];
      const part = place?.id === entry.id ? place.part : undefined;
      const next = this.takeEvents(decoded, part ?? 0);
      if (next > 0 || decoded.events.length === 0)
        this.places[entry.stream] =
          next < decoded.events.length ? { id: entry.id, part: next } : { id: entry.id };
      if (decoded.lost !== undefined) this.lose(decoded.lost.since, decoded.lost.until);
      if (next === decoded.events.length && !this.isFull) continue;
      const isWhole = next === decoded.events.length && i === this.entries.length - 1;
      const rest = this.entries.slice(next < decoded.events.length ? i : i + 1);
      this.restSince = Math.min(this.restSince, ...rest.map(timeOf));
      return isWhole;
    }
    return true;
  }

  /** Takes events of an entry from the `first` on. Returns the number of the first one that was not taken. */
  private takeEvents({ events }: FeedEntry, first: number): number {
    let at = first;
    for (; at < events.length && !this.isFull; at++) {
      this.examined++;
      if (acceptsEvent(this.filter, events[at]!)) this.events.push(events[at]!);
    }
    return at;
  }

  private get isFull(): boolean {
    return this.events.length >= this.limit || this.examined >= MAX_EVENTS_READ;
  }

  private lose(since: number, until: number): void {
    const before = this.lost;
    this.lost = {
      since: Math.min(before?.since ?? since, since),
      until: Math.max(before?.until ?? until, until, since),
    };
  }
}
