/** How long the events of the feed are kept. */
export interface FeedRetention {
  readonly days: number;
  /** What they may take in the store, by its own measure. */
  readonly bytes: number;
}

/** The defaults of RETENTION_EVENT_DAYS and RETENTION_EVENT_BYTES. */
export const DEFAULT_FEED_RETENTION: FeedRetention = { days: 7, bytes: 1024 ** 3 };

const DAY_MS = 24 * 3_600_000;

/** Returns the time before which events are not kept, in milliseconds since 1970. */
export function feedHorizon({ days }: FeedRetention, now: number): number {
  return Math.max(0, now - days * DAY_MS);
}

/** The retention that settings name. */
export function feedRetentionOf(settings: {
  readonly retentionEventDays: number;
  readonly retentionEventBytes: number;
}): FeedRetention {
  return { days: settings.retentionEventDays, bytes: settings.retentionEventBytes };
}
