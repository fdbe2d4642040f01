import { type FeedRetention, feedHorizon } from "../../../core/feed/retention.ts";
import type { RunOnOneNode, StopTask } from "../../../core/ports/shared-tasks.ts";
import type { EventStreams } from "./event-streams.ts";

export interface EventTrimmerDeps {
  readonly streams: EventStreams;
  readonly retention: FeedRetention;
  readonly runOnOneNode: RunOnOneNode;
}

/** The interval at which one node removes old events, in milliseconds. */
const TRIM_INTERVAL_MS = 60_000;

/** The events that one call removes: Redis serves no other client during a call. */
const TRIM_BATCH_SIZE = 500;

/** Removes the events that are no longer kept. Not beside each write: that would cost a message more than its event. */
export class EventTrimmer {
  readonly stop: StopTask;

  constructor(private readonly deps: EventTrimmerDeps) {
    this.stop = deps.runOnOneNode("events", TRIM_INTERVAL_MS, ({ signal }) => this.trim(signal));
  }

  /** Removes them in all streams. `signal` ends it early. */
  async trim(signal?: AbortSignal): Promise<void> {
    const { streams, retention } = this.deps;
    const sizes = await Promise.all(streams.all.map((stream) => streams.size(stream)));
    const [now] = await streams.newest(streams.all[0]!);
    const before = feedHorizon(retention, now);
    const kept = entriesToKeep(sizes, retention.bytes);
    for (const [i, stream] of streams.all.entries()) {
      let removed = TRIM_BATCH_SIZE;
      while (removed === TRIM_BATCH_SIZE && signal?.aborted !== true)
        removed = await streams.trim(stream, before, kept[i], TRIM_BATCH_SIZE);
    }
  }
}

/**
 * Returns how many entries each stream keeps, so that all together take at most `bytes`; undefined for all. Streams that take less
 * than an equal share keep all, so that a busy conversation does not remove the events of others.
 */
export function entriesToKeep(
  sizes: readonly { readonly entries: number; readonly bytes: number }[],
  bytes: number,
): (number | undefined)[] {
  const kept = sizes.map((): number | undefined => undefined);
  const order = [...sizes.keys()].sort((one, other) => sizes[one]!.bytes - sizes[other]!.bytes);
  let rest = bytes;
  for (const [i, stream] of order.entries()) {
    const share = rest / (order.length - i);
    const { entries, bytes: taken } = sizes[stream]!;
    if (taken > share) kept[stream] = Math.floor((entries * share) / taken);
    rest -= Math.min(taken, share);
  }
  return kept;
}
