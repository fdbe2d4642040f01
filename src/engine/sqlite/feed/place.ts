import type { FeedPosition } from "../../../core/ports/feed/feed.ts";

// The order of the feed. Messages are read from the log; every other event is a row of the table `event`, which was written when the
// log ended at the position `after`, and so comes after the message at that position and before the next one:
//
//      log      1   2   3           4   5
//      event              1   2               3        (`after`: 3, 3, 5)
//      ────────────────────────────────────────────▶

/** A place in the feed: after the message at `log`, and after the event with the number `event`. */
export interface FeedPlace {
  readonly log: number;
  readonly event: number;
  /** When the newest event before this place happened, in milliseconds since 1970. */
  readonly at: number;
}

const FORM = /^([0-9A-Za-z-]{1,40})\.(\d{1,15})\.(\d{1,15})\.(\d{1,15})$/;

/** Returns the position of a place. `epoch` is that of the store when the place was read. */
export function encodePlace(epoch: string, { log, event, at }: FeedPlace): FeedPosition {
  return `${epoch}.${log}.${event}.${at}`;
}

/** Reads a position; undefined for a text that is none. */
export function decodePlace(
  position: FeedPosition,
): { readonly epoch: string; readonly place: FeedPlace } | undefined {
  const [, epoch, log, event, at] = FORM.exec(position) ?? [];
  if (epoch === undefined) return undefined;
  return { epoch, place: { log: Number(log), event: Number(event), at: Number(at) } };
}
