import type { Clock } from "../../../core/ports/clock.ts";
import type {
  Inboxes,
  InboxListener,
  InboxQuery,
  InboxReader,
  InboxView,
} from "../../../core/ports/conversation/inbox.ts";
import type { MessageLog } from "../../../core/ports/message-log.ts";
import { BUCKET_COUNT, bucketOf } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import { RedisUnavailable } from "../connection/errors.ts";
import { Script } from "../connection/script.ts";
import { decodeList } from "../messages/message-encoding.ts";

export interface RedisInboxDeps {
  readonly client: RedisClient;
  readonly clock: Clock;
  /** A manual clock, for tests. Without it, the time of Redis is used. */
  readonly time: Clock | undefined;
  /** The epoch of the store, as this node knows it. */
  readonly storeEpoch: () => string;
  readonly watchEpoch: MessageLog["watchEpoch"];
}

/** Conversations and users that one call reads: about a millisecond, in which Redis serves no other client. */
const CONVERSATIONS_AT_ONCE = 200;
const USERS_AT_ONCE = 1_000;

/** How often the conversations that have changed are read, in milliseconds. */
const WATCH_INTERVAL_MS = 500;
/** How long the scripts go on to record changes after the last call of a node, in milliseconds. */
const WATCHED_MS = 30_000;
/** After such a time without a call, changes may have been missed, in milliseconds. */
const GAP_MS = 20_000;

/** Fields of the reply before those of the users. */
const FIELDS = 6;

interface Watcher {
  readonly listener: InboxListener;
  readonly onGap: () => void;
}

/** A part of the conversations that one call reads: all, or in Cluster those of one bucket. */
interface Part {
  readonly indexes: readonly number[];
}

/** The port of the inbox on Redis. Lists are read, and not written: only which conversations have changed is recorded, while a node watches. */
export class RedisInbox implements Inboxes {
  private readonly readScript = new Script("inbox/read");
  private readonly watchScript = new Script("inbox/watch");
  private readonly watchers = new Set<Watcher>();
  /** The time of the last call of each group of buckets, by the clock of their Redis. */
  private times = new Map<number, number>();
  private lastCallAt = 0;
  private polling = false;
  private stops: (() => void)[] = [];

  constructor(private readonly deps: RedisInboxDeps) {}

  async read(
    queries: readonly InboxQuery[],
    newest: boolean,
  ): Promise<{ views: readonly InboxView[]; now: number; store: string }> {
    const views: InboxView[] = [];
    let now = Number.POSITIVE_INFINITY;
    const readOne = async (part: Part) => {
      now = Math.min(now, await this.readPart(queries, part, newest, views));
    };
    const parts = this.partsOf(queries);
    if (this.deps.client.isCluster) await Promise.all(parts.map(readOne));
    // One after the other, so that Redis serves others in between.
    else for (const part of parts) await readOne(part);
    if (parts.length === 0) now = await this.readTime();
    return { views, now, store: this.deps.storeEpoch() };
  }

  async watch(listener: InboxListener, onGap: () => void): Promise<() => void> {
    const watcher = { listener, onGap };
    this.watchers.add(watcher);
    const stop = () => {
      this.watchers.delete(watcher);
      if (this.watchers.size === 0) this.close();
    };
    try {
      if (this.stops.length === 0) this.start();
      await this.poll();
    } catch (error) {
      stop();
      throw error;
    }
    return stop;
  }

  /** Stops to read what has changed. */
  close(): void {
    for (const stop of this.stops.splice(0)) stop();
    this.times.clear();
  }

  private start(): void {
    const { client, clock, watchEpoch } = this.deps;
    this.lastCallAt = clock.now();
    this.stops = [
      clock.every(WATCH_INTERVAL_MS, () => void this.pollIfIdle()),
      client.watchReady((ready) => {
        if (ready) this.reportGap();
      }),
      watchEpoch((conversation) => this.notify(conversation, undefined)),
    ];
  }

  private async pollIfIdle(): Promise<void> {
    if (this.polling || !this.deps.client.ready) return;
    this.polling = true;
    try {
      await this.poll();
    } catch {
      // The client has logged why. The next call has all that was recorded meanwhile.
    } finally {
      this.polling = false;
    }
  }

  /** Reads the conversations that have changed since the last call, and keeps the scripts recording. */
  private async poll(): Promise<void> {
    const { client, clock } = this.deps;
    const buckets = Array.from({ length: BUCKET_COUNT }, (_, i) => i);
    const startedAt = clock.now();
    if (client.isCluster) await Promise.all(buckets.map((bucket) => this.pollBuckets([bucket])));
    else await this.pollBuckets(buckets);
    const missed = startedAt - this.lastCallAt > GAP_MS;
    this.lastCallAt = startedAt;
    if (missed) this.reportGap();
  }

  private async pollBuckets(buckets: readonly number[]): Promise<void> {
    const { keys, isCluster } = this.deps.client;
    const [first] = buckets as [number];
    const watched = isCluster ? keys.bucketKey(first, "watched") : keys.globalKey("watched");
    const names = [watched, ...buckets.map((bucket) => keys.bucketKey(bucket, "activity"))];
    const since = this.times.get(first) ?? "";
    const reply = await this.deps.client.run(this.watchScript, names, [this.given, WATCHED_MS, since]);
    const [now, changed] = reply as [number, readonly string[]];
    if (this.stops.length === 0) return;
    this.times.set(first, now);
    for (const each of changed) {
      const [conversation, user] = each.split(" ");
      this.notify(conversation!, user);
    }
  }

  private notify(conversation: string, user: string | undefined): void {
    for (const { listener } of this.watchers) listener(conversation, user);
  }

  private reportGap(): void {
    for (const { onGap } of this.watchers) onGap();
  }

  /** Divides queries into calls. In Cluster, the keys of a call must be in one slot, so each call is for one bucket. */
  private partsOf(queries: readonly InboxQuery[]): Part[] {
    const parts: Part[] = [];
    const open = new Map<number, { indexes: number[]; users: number }>();
    for (const [i, { conversation, users }] of queries.entries()) {
      const bucket = this.deps.client.isCluster ? bucketOf(conversation) : 0;
      let part = open.get(bucket);
      const isFull =
        part !== undefined &&
        (part.indexes.length === CONVERSATIONS_AT_ONCE || part.users + users.length > USERS_AT_ONCE);
      if (part === undefined || isFull) {
        part = { indexes: [], users: 0 };
        open.set(bucket, part);
        parts.push(part);
      }
      part.indexes.push(i);
      part.users += users.length;
    }
    return parts;
  }

  /** Reads a part into `views`. Returns the store's time. */
  private async readPart(
    queries: readonly InboxQuery[],
    { indexes }: Part,
    newest: boolean,
    views: InboxView[],
  ): Promise<number> {
    const { client, storeEpoch } = this.deps;
    const names: string[] = [];
    const values: (string | number)[] = [this.given, storeEpoch(), newest ? 1 : 0];
    for (const i of indexes) {
      const { conversation, users } = queries[i]!;
      const name = client.keys.conversationName(conversation);
      names.push(`${name}:meta`, `${name}:log`, `${name}:marks`, `${name}:sent`);
      values.push(users.length, ...users);
    }
    if (!client.isCluster) names.push(client.keys.globalKey("epoch"));
    const reply = await client.run(this.readScript, names, values);
    const [now, fields] = reply as [number, readonly (string | number)[]];
    let at = 0;
    for (const i of indexes) {
      const { users } = queries[i]!;
      const [seq, first, epoch, newestAt, changedAt, line] = fields.slice(at, at + FIELDS);
      at += FIELDS;
      const readers: InboxReader[] = users.map((_, k) => ({
        read: Number(fields[at + 2 * k]),
        markedAt: Number(fields[at + 2 * k + 1]),
      }));
      at += 2 * users.length;
      views[i] = {
        seq: Number(seq),
        first: Number(first),
        epoch: String(epoch),
        at: Number(newestAt),
        changedAt: Math.max(Number(newestAt), Number(changedAt)),
        newest: decodeList(String(line))[0],
        readers,
      };
    }
    return now;
  }

  /** The earliest time of the buckets, as they were read last; the time of Redis where nothing watches. */
  private async readTime(): Promise<number> {
    if (!this.deps.client.ready) throw new RedisUnavailable();
    if (this.times.size > 0) return Math.min(...this.times.values());
    const { keys, isCluster } = this.deps.client;
    const names = isCluster ? [] : [keys.globalKey("epoch")];
    const reply = await this.deps.client.run(this.readScript, names, [this.given, "", 0]);
    return (reply as [number, unknown])[0];
  }

  private get given(): string | number {
    return this.deps.time === undefined ? "" : this.deps.time.now();
  }
}
