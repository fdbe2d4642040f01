import type { Emit } from "../../../core/events/events.ts";
import type { ConversationNews } from "../../../core/members/records.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { NewsListener } from "../../../core/ports/conversation/members.ts";
import { BUCKET_COUNT } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";

const READ = new Script("members/news-read");

/** The interval at which the streams are read, in milliseconds. The port promises a second. */
const POLL_INTERVAL_MS = 400;

/** The largest number of entries of a stream that one call reads. */
const READ_COUNT = 200;

const ALL_BUCKETS: readonly number[] = Array.from({ length: BUCKET_COUNT }, (_, bucket) => bucket);

interface Watcher {
  readonly listener: NewsListener;
  readonly onGap: (() => Promise<void> | void) | undefined;
}

/** The reply for one stream (lua/members/news-read.lua). */
type StreamReply = 0 | string | readonly (readonly [id: string, fields: readonly string[]])[];

/**
 * Notifies this node of changes of facts and members, through a capped stream in each bucket. The script that makes a change writes
 * its news in the same slot, so no change is without its news, also in Cluster. Each stream is read to its end again and again.
 *
 * If the entry that was read last is missing, the stream has lost entries, or has dropped them because there were too many. Then,
 * and after Redis was unavailable, the watchers are notified that they may have missed news.
 */
export class NewsStreams {
  private readonly watchers = new Set<Watcher>();
  /** Of each bucket the id of the last entry that was read; '' if there was none. */
  private positions: string[] = [];
  /** The buckets that are to be read. */
  private readonly wanted = new Set<number>();
  private running: Promise<void> | undefined;
  /** Whether news may have been lost. */
  private isInvalid = false;
  private stops: (() => void)[] = [];

  constructor(
    private readonly client: RedisClient,
    private readonly clock: Clock,
    private readonly emit: Emit,
  ) {}

  /** Starts to read at the ends of the streams. A program that only writes need not call it. */
  async start(): Promise<void> {
    this.positions = await this.findEnds();
    this.stops = [
      this.clock.every(POLL_INTERVAL_MS, () => void this.poll()),
      this.client.watchReady((ready) => {
        if (!ready) this.isInvalid = true;
      }),
    ];
  }

  close(): void {
    for (const stop of this.stops.splice(0)) stop();
    this.watchers.clear();
    this.positions = [];
  }

  watch(listener: NewsListener, onGap?: () => Promise<void> | void): () => void {
    const watcher = { listener, onGap };
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Reads the news up to now. Resolves when all watchers were notified. Never rejects. */
  poll(buckets: readonly number[] = ALL_BUCKETS): Promise<void> {
    if (this.positions.length === 0) return Promise.resolve();
    for (const bucket of buckets) this.wanted.add(bucket);
    this.running ??= this.readWanted().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async readWanted(): Promise<void> {
    while (this.wanted.size > 0 && this.positions.length > 0) {
      const buckets = [...this.wanted];
      this.wanted.clear();
      try {
        if (this.isInvalid) await this.resync();
        else await this.read(buckets);
      } catch {
        // The client has logged that Redis is unavailable.
        this.isInvalid = true;
      }
    }
  }

  private async read(buckets: readonly number[]): Promise<void> {
    const replies = await this.call(
      buckets,
      buckets.map((bucket) => this.positions[bucket]!),
    );
    for (const [i, bucket] of buckets.entries()) {
      const entries = replies[i]!;
      if (typeof entries !== "object") {
        // A stream that has expired is empty, and nothing was lost.
        if (entries === 0) this.isInvalid = true;
        else this.positions[bucket] = "";
        continue;
      }
      if (entries.length === 0) continue;
      if (entries.length >= READ_COUNT) this.wanted.add(bucket);
      this.positions[bucket] = entries.at(-1)![0];
      for (const [, fields] of entries) this.notify(fields);
    }
    if (this.isInvalid) await this.resync();
  }

  /** Finds the ends first, so that news which arrive while the watchers read everything are delivered after that. */
  private async resync(): Promise<void> {
    this.positions = await this.findEnds();
    this.isInvalid = false;
    const done = await Promise.allSettled(
      [...this.watchers].map(({ onGap }) => Promise.try(() => onGap?.())),
    );
    // They are notified again at the next read.
    if (done.some(({ status }) => status === "rejected")) this.isInvalid = true;
  }

  private async findEnds(): Promise<string[]> {
    const ends = await this.call(
      ALL_BUCKETS,
      ALL_BUCKETS.map(() => "$"),
    );
    return ends.map(String);
  }

  /** Reads streams: on one Redis all of them in one call, in Cluster in one call each. */
  private async call(buckets: readonly number[], positions: readonly string[]): Promise<StreamReply[]> {
    const { client } = this;
    const run = async (keys: readonly string[], from: readonly string[]) =>
      (await client.run(READ, keys, [READ_COUNT, ...from])) as StreamReply[];
    const keys = buckets.map((bucket) => client.keys.bucketKey(bucket, "news"));
    if (!client.isCluster) return run(keys, positions);
    const replies = await Promise.all(keys.map((key, i) => run([key], [positions[i]!])));
    return replies.map(([reply]) => reply!);
  }

  private notify(fields: readonly string[]): void {
    const [, conversation = "", kind, value = "", , at] = fields;
    const news: ConversationNews[] =
      kind === "joined"
        ? [{ type: "member", user: value, change: "added", role: "member", at: Number(at), spoke: true }]
        : JSON.parse(value);
    for (const { listener } of this.watchers) {
      try {
        listener(conversation, news);
      } catch (error) {
        this.emit("engine.listener_failed", { error: String(error) });
      }
    }
  }
}
