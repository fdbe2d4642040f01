import type { Emit } from "../../../core/events/events.ts";
import type { NewFeedEvent } from "../../../core/feed/feed-event.ts";
import type { FeedFilter } from "../../../core/feed/filter.ts";
import type { FeedRetention } from "../../../core/feed/retention.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import {
  type Feed,
  type FeedPage,
  type FeedPosition,
  OLDEST_POSITION,
} from "../../../core/ports/feed/feed.ts";
import type { RunOnOneNode } from "../../../core/ports/shared-tasks.ts";
import type { FeedEventType } from "../../../protocol/feed/event-types.ts";
import { bucketOf } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import type { ControlStream } from "../control-stream.ts";
import { EventStreams, type EventWriting } from "./event-streams.ts";
import { EventTrimmer } from "./event-trimmer.ts";
import { Exhaustions } from "./exhaustions.ts";
import { PageReader } from "./page-reader.ts";
import { decodePosition, encodePosition, STREAM_COUNT, type StreamPlace } from "./position.ts";
import { WantedTypes } from "./wanted-types.ts";

export interface RedisFeedDeps {
  readonly client: RedisClient;
  readonly control: ControlStream;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly retention: FeedRetention;
  readonly runOnOneNode: RunOnOneNode;
  /** The epoch of the store as this node knows it, and what reads it again. */
  readonly storeEpoch: () => string;
  readonly refreshEpoch: () => Promise<void>;
  /** A manual clock, for tests. Without it, the time of Redis is used. */
  readonly time?: Clock | undefined;
}

/** How often the ends of the streams are read while there are listeners, in milliseconds. The port promises a second. */
const POLL_INTERVAL_MS = 500;

/** How long listeners are not called again for writes of this node, in milliseconds: in Cluster each reading is many calls. */
const CLUSTER_PAUSE_MS = 50;

/**
 * The port for the feed on Redis. The scripts that store something write its events in the same call: on one Redis into one stream,
 * in Cluster into that of the bucket.
 */
export class RedisFeed implements Feed, EventWriting {
  private readonly streams: EventStreams;
  private readonly types: WantedTypes;
  private readonly exhaustions: Exhaustions;
  private readonly trimmer: EventTrimmer;
  private readonly listeners = new Set<() => void>();
  /** The ends of the streams when they were read last; undefined if that failed, or before there was a listener. */
  private ends: string | undefined;
  private polling = false;
  private notifying = false;
  private readonly stopPolling: () => void;

  constructor(private readonly deps: RedisFeedDeps) {
    const { client, control, clock, time } = deps;
    this.streams = new EventStreams(client, time);
    this.types = new WantedTypes({ client, control, time: time ?? clock });
    const { streams } = this;
    this.trimmer = new EventTrimmer({ streams, retention: deps.retention, runOnOneNode: deps.runOnOneNode });
    const now = () => (time ?? clock).now();
    this.exhaustions = new Exhaustions({ client, now, scriptTime: () => streams.scriptTime });
    this.stopPolling = clock.every(POLL_INTERVAL_MS, () => void this.poll());
  }

  /** Reads what counts as read. */
  async start(): Promise<void> {
    await this.types.load();
  }

  async read(after: FeedPosition, filter: FeedFilter, limit: number): Promise<FeedPage | undefined> {
    const position = after === OLDEST_POSITION ? undefined : decodePosition(after);
    if (position === undefined && after !== OLDEST_POSITION) return undefined;
    const { storeEpoch, refreshEpoch } = this.deps;
    // The position may be of an epoch that this node does not know yet.
    if (position !== undefined && position.epoch !== storeEpoch()) await refreshEpoch();
    return new PageReader(this.streams, position, filter, limit).read(storeEpoch());
  }

  async newest(): Promise<FeedPosition> {
    const places = new Array<StreamPlace | undefined>(STREAM_COUNT).fill(undefined);
    const ends = await Promise.all(this.streams.all.map((stream) => this.streams.newest(stream)));
    for (const [i, stream] of this.streams.all.entries()) {
      const [, id] = ends[i]!;
      if (id !== "") places[stream] = { id };
    }
    const time = Math.min(...ends.map(([now]) => now));
    return encodePosition({ epoch: this.deps.storeEpoch(), time, places });
  }

  watch(listener: () => void): () => void {
    // The first poll calls it: it does not know what the listener has read.
    if (this.listeners.size === 0) this.ends = undefined;
    const own = () => listener();
    this.listeners.add(own);
    return () => this.listeners.delete(own);
  }

  async append(events: readonly NewFeedEvent[]): Promise<void> {
    const kept = events.filter(({ type }) => this.types.counts(type));
    const groups = Map.groupBy(kept, ({ conversation, user }) => {
      const name = conversation ?? user;
      return this.streams.streamOf(name === undefined ? undefined : bucketOf(name));
    });
    await Promise.all([...groups].map(([stream, some]) => this.streams.append(stream, JSON.stringify(some))));
    if (kept.length > 0) this.noteWrite();
  }

  want(types: readonly FeedEventType[], until: number): Promise<void> {
    return this.types.want(types, until);
  }

  async bookmark(name: string): Promise<FeedPosition | undefined> {
    const all = await this.deps.client.commands.hgetall(this.bookmarks);
    return all[name];
  }

  async setBookmark(name: string, position: FeedPosition): Promise<void> {
    await this.deps.client.commands.hset(this.bookmarks, name, position);
  }

  private get bookmarks(): string {
    return this.deps.client.keys.globalKey("feed-bookmarks");
  }

  wanted(): ReadonlySet<FeedEventType> {
    return this.types.wanted();
  }

  counts(type: FeedEventType): boolean {
    return this.types.counts(type);
  }

  noteWrite(): void {
    if (this.listeners.size === 0 || this.notifying) return;
    this.notifying = true;
    const notify = () => {
      this.notifying = false;
      this.notify();
    };
    if (this.deps.client.isCluster) setTimeout(notify, CLUSTER_PAUSE_MS).unref();
    else setImmediate(notify);
  }

  noteRefused(user: string, limit: number): void {
    this.exhaustions.note(user, limit).then(
      () => this.noteWrite(),
      // The client has logged that Redis is unavailable. The user's next request is refused, too, and noted again.
      () => {},
    );
  }

  /** Removes the events that are no longer kept. One of the nodes does so by itself, too. */
  async trim(): Promise<void> {
    await this.trimmer.trim();
  }

  async close(): Promise<void> {
    this.stopPolling();
    this.listeners.clear();
    this.types.close();
    await this.trimmer.stop();
  }

  private async poll(): Promise<void> {
    if (this.listeners.size === 0 || this.polling || !this.deps.client.ready) return;
    this.polling = true;
    try {
      const found = await Promise.all(this.streams.all.map((stream) => this.streams.newest(stream)));
      const ends = found.map(([, id]) => id).join(" ");
      const isNew = ends !== this.ends;
      this.ends = ends;
      if (isNew) this.notify();
    } catch {
      // The client has logged that Redis is unavailable. The next poll calls the listeners.
      this.ends = undefined;
    } finally {
      this.polling = false;
    }
  }

  private notify(): void {
    for (const listener of this.listeners) {
      try {
        listener();
      } catch (error) {
        this.deps.emit("engine.listener_failed", { error: String(error) });
      }
    }
  }
}
