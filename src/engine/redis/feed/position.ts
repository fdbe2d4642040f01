// The position of a reader of the feed, as a text. On Redis it is a place in each stream of events.
//
//   <epoch of the store>.<base64url of numbers>
//
//   numbers: time, the newest milliseconds of all places, then of each stream 0 if nothing was read, or
//            1 + how much older its milliseconds are, 2 × its number + 1 if its entry is partly read, how many events of it
//
// The numbers are written as varints. 65 places take some 400 characters, and at most 1,500.

import { MAX_POSITION_LENGTH } from "../../../core/ports/feed/feed.ts";
import { BUCKET_COUNT } from "../connection/buckets.ts";

/** The streams of events: those of the buckets, and the one that is on one Redis for all. */
export const STREAM_COUNT = BUCKET_COUNT + 1;

/** A place in a stream: after the entry with this id. */
export interface StreamPlace {
  /** As Redis writes it: `<milliseconds>-<number>`. */
  readonly id: string;
  /** How many events of that entry were read; undefined for all. */
  readonly part?: number | undefined;
}

/** A place in each stream; undefined where there was nothing to read. */
export interface StreamPosition {
  /** The epoch of the store. */
  readonly epoch: string;
  /** All events until then were read, in milliseconds since 1970 by the store's clock. */
  readonly time: number;
  readonly places: readonly (StreamPlace | undefined)[];
}

/** No number of an entry is larger, so that positions are not too long. */
const MAX_NUMBER = 2 ** 32;
/** An entry has the messages of one batch. */
const MAX_PART = 2 ** 14;

export function encodePosition({ epoch, time, places }: StreamPosition): string {
  const split = places.map((place) => place?.id.split("-").map(Number));
  const newest = split.reduce((most, place) => Math.max(most, place?.[0] ?? 0), 0);
  const bytes: number[] = [];
  addNumber(bytes, time);
  addNumber(bytes, newest);
  for (const [i, place] of split.entries()) {
    if (place === undefined) {
      bytes.push(0);
      continue;
    }
    const [milliseconds, number] = place as [number, number];
    const { part } = places[i]!;
    addNumber(bytes, newest - milliseconds + 1);
    addNumber(bytes, 2 * Math.min(number, MAX_NUMBER) + (part === undefined ? 0 : 1));
    if (part !== undefined) addNumber(bytes, part);
  }
  return `${epoch}.${Buffer.from(bytes).toString("base64url")}`;
}

/** A position of the embedded store (src/engine/sqlite/feed/place.ts), whose last number is a time. */
const MOVED_POSITION = /^[0-9A-Za-z-]{1,40}\.\d{1,15}\.\d{1,15}\.(\d{1,15})$/;

/**
 * Returns undefined for a text that `encodePosition` does not make. A reader that has a position of the embedded store, which was moved
 * to this Redis, has missed what happened after the time of that position: the place is that of another epoch.
 */
export function decodePosition(text: string): StreamPosition | undefined {
  const moved = MOVED_POSITION.exec(text);
  if (moved !== null)
    return { epoch: "", time: Number(moved[1]), places: new Array<undefined>(STREAM_COUNT).fill(undefined) };
  const match = /^([\w-]*)\.([\w-]+)$/.exec(text);
  if (match === null || text.length > MAX_POSITION_LENGTH) return undefined;
  const bytes = Buffer.from(match[2]!, "base64url");
  if (bytes.toString("base64url") !== match[2]) return undefined;
  const numbers = new Numbers(bytes);
  const [time, newest] = [numbers.next(), numbers.next()];
  const places: (StreamPlace | undefined)[] = [];
  while (places.length < STREAM_COUNT) {
    const age = numbers.next();
    if (age === 0) {
      places.push(undefined);
      continue;
    }
    const number = numbers.next();
    const part = number % 2 === 1 ? numbers.next() : undefined;
    const milliseconds = newest - age + 1;
    // Also true for numbers that are none.
    const isRight = milliseconds >= 0 && number <= 2 * MAX_NUMBER + 1 && (part ?? 0) <= MAX_PART;
    if (!isRight) return undefined;
    places.push({ id: `${milliseconds}-${Math.floor(number / 2)}`, ...(part !== undefined && { part }) });
  }
  return numbers.isAtEnd ? { epoch: match[1]!, time, places } : undefined;
}

function addNumber(bytes: number[], number: number): void {
  let rest = number;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push(128 + (rest % 128));
  bytes.push(rest);
}

/** Reads varints. After the end, or where one is too large, every further number is NaN. */
class Numbers {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  /** Whether all bytes were read, and no more. */
  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  next(): number {
    let number = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bytes[this.at++] ?? Number.NaN;
      number += (byte % 128) * factor;
      if (!(number <= Number.MAX_SAFE_INTEGER)) return Number.NaN;
      if (byte < 128) return number;
    }
  }
}
