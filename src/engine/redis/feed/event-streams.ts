import type { FeedStanding } from "../../../core/feed/standing.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { FeedEventType } from "../../../protocol/feed/event-types.ts";
import { BUCKET_COUNT, bucketOf } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { decodeEntry } from "./entries.ts";
import { STREAM_COUNT } from "./position.ts";

const READ = new Script("feed/read");
const NEWEST = new Script("feed/newest");
const APPEND = new Script("feed/append");
const TRIM = new Script("feed/trim");

/** The stream of all events on one Redis, and in Cluster of those about no conversation or user. */
const COMMON_STREAM = BUCKET_COUNT;

/** Entries whose size is looked at, and what an entry takes besides its value, in bytes. */
const SAMPLE_SIZE = 20;
const ENTRY_BYTES = 24;

/** Returns the key of the stream with the events of a conversation, or of a user alone, for the scripts that write them. */
export function eventsKey(
  { keys, isCluster }: Pick<RedisClient, "keys" | "isCluster">,
  name: string,
): string {
  return isCluster ? keys.bucketKey(bucketOf(name), "feed") : keys.globalKey("feed");
}

/** What the parts of a node that write events need of the feed. */
export interface EventWriting {
  /** Whether events of this type are written now (EV5). */
  counts(type: FeedEventType): boolean;
  /** Called when a request of the user was refused because its plan's `limit` an hour is used up. */
  noteRefused(user: string, limit: number): void;
  /** Called after a write that may have events. */
  noteWrite(): void;
}

/** Where to read in a stream. */
export interface StreamQuery {
  readonly stream: number;
  /** The id of the last entry that was read; `0-0` if there was none; '' to begin at the oldest entry. */
  readonly after: string;
  /** Whether that entry is returned again. */
  readonly again: boolean;
}

/** What was read of a stream (lua/feed/read.lua). */
export interface StreamReading {
  /** The store's time, before any later event. */
  readonly now: number;
  /** Entries after the last one that was read are missing: they were removed, or the store has lost them. */
  readonly missing: "removed" | "lost" | undefined;
  /** The place before the first of the entries; '' for none. */
  readonly floor: string;
  /** The time of the newest entry that was removed, in milliseconds since 1970; 0 if none was. */
  readonly removedUntil: number;
  /** Of each entry its id and its value. */
  readonly entries: readonly (readonly [id: string, value: string])[];
}

/** The streams of events: on one Redis there is one, in Cluster one in each bucket. */
export class EventStreams {
  /** The numbers of the streams that there are. */
  readonly all: readonly number[];

  constructor(
    private readonly client: RedisClient,
    /** A manual clock, for tests. Without it, the time of Redis is used. */
    private readonly time?: Clock,
  ) {
    this.all = client.isCluster
      ? Array.from({ length: STREAM_COUNT }, (_, stream) => stream)
      : [COMMON_STREAM];
  }

  /** Returns the stream of the events about a bucket; of those about none, without an argument. */
  streamOf(bucket: number = COMMON_STREAM): number {
    return this.client.isCluster ? bucket : COMMON_STREAM;
  }

  /** Returns the keys of a stream: its events, and the floor. */
  keysOf(stream: number): [events: string, floor: string] {
    const { keys } = this.client;
    if (stream === COMMON_STREAM) return [keys.globalKey("feed"), keys.globalKey("feed-floor")];
    return [keys.bucketKey(stream, "feed"), keys.bucketKey(stream, "feed-floor")];
  }

  /** Reads at most `count` entries. */
  async read({ stream, after, again }: StreamQuery, count: number): Promise<StreamReading> {
    const values = [this.scriptTime, count, after, again ? 1 : 0];
    const reply = (await this.client.run(READ, this.keysOf(stream), values)) as [
      ...[now: number, state: number, id: string, removedAt: string],
      values: string[],
    ];
    const [now, state, floor, removedAt, texts] = reply;
    const entries: [string, string][] = [];
    for (let i = 0; i < texts.length; i += 2) entries.push([texts[i]!, texts[i + 1]!]);
    const missing = state === 1 ? "removed" : state === 2 ? "lost" : undefined;
    return { now, missing, floor, removedUntil: Number(removedAt), entries };
  }

  /** Returns the store's time, and the id of the newest entry of a stream; '' if there was none. */
  async newest(stream: number): Promise<readonly [now: number, id: string]> {
    return (await this.client.run(NEWEST, this.keysOf(stream), [this.scriptTime])) as [number, string];
  }

  /** Writes events, as JSON. */
  async append(stream: number, events: string): Promise<void> {
    await this.client.run(APPEND, this.keysOf(stream).slice(0, 1), [this.scriptTime, events]);
  }

  /** Removes the oldest entries of a stream, at most `most` of them: those before a time, and all but `keep`. Returns their number. */
  async trim(stream: number, before: number, keep: number | undefined, most: number): Promise<number> {
    return Number(await this.client.run(TRIM, this.keysOf(stream), [before, keep ?? "", most]));
  }

  /** Returns the number of entries of a stream, the bytes that they take, which is estimated by some of the newest and oldest, and the time of the oldest. */
  async size(
    stream: number,
  ): Promise<{ readonly entries: number; readonly bytes: number; readonly oldestAt: number | undefined }> {
    const { commands } = this.client;
    const [key] = this.keysOf(stream);
    const [entries, oldest, newest] = await Promise.all([
      commands.xlen(key),
      commands.xrange(key, "-", "+", "COUNT", SAMPLE_SIZE),
      commands.xrevrange(key, "+", "-", "COUNT", SAMPLE_SIZE),
    ]);
    const sample = [...oldest, ...newest];
    const bytes = sample.reduce((sum, [, [, value = ""]]) => sum + value.length + ENTRY_BYTES, 0);
    return {
      entries,
      bytes: sample.length === 0 ? 0 : Math.ceil((bytes / sample.length) * entries),
      oldestAt: oldest[0] && decodeEntry(stream, oldest[0][0], oldest[0][1][1]!).at,
    };
  }

  /** Returns what is kept of all streams. Writes nothing. */
  async standing(): Promise<FeedStanding> {
    const sizes = await Promise.all(this.all.map((stream) => this.size(stream)));
    const times = sizes.flatMap(({ oldestAt }) => oldestAt ?? []);
    return {
      bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
      oldestAt: times.length === 0 ? undefined : Math.min(...times),
    };
  }

  /** The store's time as scripts take it: '' where they ask Redis. */
  get scriptTime(): number | "" {
    return this.time?.now() ?? "";
  }
}
