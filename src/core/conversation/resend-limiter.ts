// Limits the messages that a joining client is sent again without a charge (MX7). A message that a node has sent to a user
// within the last hour is a repeat when the same user is sent it again: the client has lost its position, or it tries to
// keep the server busy. Repeats are limited; messages that are new to the user are not.

import { LruMap } from "../collections/lru-map.ts";
import { type CloseReason, closeReason } from "../session/close-reason.ts";

/** The most bytes of repeats that one user is sent in a minute. */
export const MAX_RESENT_BYTES_PER_MINUTE = 4 * 1024 * 1024;

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** The most pairs of user and conversation that are kept, about 300 bytes each. */
const MAX_REMEMBERED = 8192;

/** The most ranges of one pair; beyond that, the two with the smallest gap between them become one. */
const MAX_RANGES = 8;

/** First and last `seq`, both included. */
type Range = readonly [first: number, last: number];

interface Sent {
  /** When this record began. After an hour it is dropped as a whole, so no range in it is older than that. */
  readonly since: number;
  readonly ranges: readonly Range[];
}

/** Bytes of repeats by the second in which they were sent, oldest first; at most a minute of them. */
type Spent = readonly (readonly [second: number, bytes: number])[];

/** The messages that one node has sent its users without a charge. Times are in milliseconds, and MUST NOT run backwards. */
export class ResendLimiter {
  private readonly sent = new LruMap<Sent>(MAX_REMEMBERED);
  private readonly spent = new LruMap<Spent>(MAX_REMEMBERED);

  /**
   * Requests to send `user` messages of `conversation`, from `first` on; `sizes` are their sizes in bytes. Returns 0 when
   * they may be sent, and records them; otherwise the time to wait, in milliseconds.
   */
  admit(user: string, conversation: string, first: number, sizes: readonly number[], now: number): number {
    if (sizes.length === 0) return 0;
    // No identifier contains a blank.
    const key = `${user} ${conversation}`;
    const known = this.sent.get(key);
    const { since, ranges }: Sent =
      known !== undefined && now < known.since + HOUR_MS ? known : { since: now, ranges: [] };
    const bytes = resentBytes(ranges, first, sizes);
    if (bytes > 0) {
      const spent = (this.spent.get(user) ?? []).filter(([second]) => second > now - MINUTE_MS);
      const wait = retryAfter(spent, bytes, now);
      if (wait > 0) return wait;
      this.spent.set(user, spend(spent, bytes, now));
    }
    this.sent.set(key, { since, ranges: withRange(ranges, [first, first + sizes.length - 1]) });
    return 0;
  }
}

/** For a connection that would be sent too many repeats; `wait` is in milliseconds. */
export function closeForResends(wait: number): CloseReason {
  const message =
    "Too many messages that were sent to this user within the last hour are requested again. Reconnect later, with the `seq` of the newest message you have in `after`.";
  return closeReason(1013, { code: "busy", message }, Math.ceil(wait) / 1000);
}

function resentBytes(ranges: readonly Range[], first: number, sizes: readonly number[]): number {
  let bytes = 0;
  for (const [from, to] of ranges) {
    const begin = Math.max(from, first);
    const end = Math.min(to, first + sizes.length - 1);
    for (let seq = begin; seq <= end; seq++) bytes += sizes[seq - first]!;
  }
  return bytes;
}

/**
 * The time until `bytes` more fit into a minute; 0 when they fit now. A size above the limit waits for a minute without
 * any.
 */
function retryAfter(spent: Spent, bytes: number, now: number): number {
  let used = spent.reduce((sum, [, each]) => sum + each, 0);
  let wait = 0;
  for (const [second, each] of spent) {
    if (used + bytes <= MAX_RESENT_BYTES_PER_MINUTE) break;
    used -= each;
    wait = second + MINUTE_MS - now;
  }
  return wait;
}

function spend(spent: Spent, bytes: number, now: number): Spent {
  const newest = spent.at(-1);
  if (newest === undefined || now - newest[0] >= 1000) return [...spent, [now, bytes]];
  return [...spent.slice(0, -1), [newest[0], newest[1] + bytes]];
}

/** The ranges with one more, joined where they touch, in their order, and at most MAX_RANGES. */
function withRange(ranges: readonly Range[], added: Range): readonly Range[] {
  const joined: Range[] = [];
  let [first, last] = added;
  for (const range of ranges) {
    if (range[1] < first - 1 || range[0] > last + 1) joined.push(range);
    else [first, last] = [Math.min(first, range[0]), Math.max(last, range[1])];
  }
  joined.push([first, last]);
  joined.sort(([a], [b]) => a - b);
  return joined.length > MAX_RANGES ? mergeNearest(joined) : joined;
}

/** The ranges with the smallest gap between two of them closed. */
function mergeNearest(ranges: readonly Range[]): readonly Range[] {
  let at = 1;
  for (let i = 2; i < ranges.length; i++) {
    if (ranges[i]![0] - ranges[i - 1]![1] < ranges[at]![0] - ranges[at - 1]![1]) at = i;
  }
  return [...ranges.slice(0, at - 1), [ranges[at - 1]![0], ranges[at]![1]], ...ranges.slice(at + 1)];
}
