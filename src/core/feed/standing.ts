/** What a store keeps of the feed. */
export interface FeedStanding {
  /** What its events take, by the store's own measure: that of RETENTION_EVENT_BYTES. */
  readonly bytes: number;
  /** When the oldest event that is kept happened, in milliseconds since 1970; undefined where there is none. */
  readonly oldestAt: number | undefined;
}
