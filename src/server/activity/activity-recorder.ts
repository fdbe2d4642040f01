import { ActivityWindow } from "../../core/activity/activity-window.ts";
import type { LogHistogram } from "../../core/activity/log-histogram.ts";
import type {
  FeedActivity,
  NodeActivity,
  Quantiles,
  SharedActivity,
} from "../../core/activity/node-activity.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { WATCH_MS } from "../../core/ports/nodes/activity-board.ts";
import type { MessageCounters, MessageObserver } from "../socket/message-counters.ts";
import { type ConnectionSummary, SlowReaders, type WatchedConnection } from "./slow-readers.ts";

/** What the server knows whether somebody watches or not. */
export type ServerFacts = Pick<
  NodeActivity,
  "url" | "version" | "engine" | "open_conversations" | "open_streams" | "event_readers" | "store"
>;

export interface ActivityRecorderDeps {
  readonly clock: Clock;
  /** When the server started, in milliseconds since 1970. */
  readonly startedAt: number;
  readonly counts: Pick<MessageCounters, "observer" | "sinceStart">;
  readonly facts: () => ServerFacts;
  readonly connections: () => Iterable<WatchedConnection>;
  /** Returns how many connections a conversation has here. */
  readonly connectionsIn: (conversation: string) => number;
  /** Reads how far what reads the feed has come. */
  readonly readFeed: () => Promise<FeedActivity>;
}

/** How often rates are taken, in milliseconds. */
const TICK_MS = 1_000;

/** How often all connections are looked at, in milliseconds: each takes a call of the runtime. */
const LOOK_MS = 1_000;

/** How often the feed's readers are looked at, in milliseconds. */
const FEED_MS = 2_000;

/** How often the delay of the event loop is measured, in milliseconds. */
const LOOP_MS = 50;

/**
 * What this server does at the moment, for `parley top`. It counts only while somebody watches: from the first request until
 * WATCH_MS after the last one. Meanwhile each message costs two look-ups (docs/decisions/0051-top.md).
 */
export class ActivityRecorder {
  private run: Run | undefined;

  constructor(private readonly deps: ActivityRecorderDeps) {}

  /** Somebody watches: counts from now on. */
  watch(): void {
    const until = this.deps.clock.now() + WATCH_MS;
    this.run ??= new Run(this.deps, () => this.stop());
    this.run.until = until;
  }

  /** Returns the numbers; undefined in the first second in which somebody watches. */
  read(): SharedActivity | undefined {
    return this.run?.read();
  }

  /** Resolves with the numbers, in the first second a little later. */
  async next(): Promise<SharedActivity | undefined> {
    this.watch();
    await this.run!.begun;
    return this.read();
  }

  stop(): void {
    this.run?.stop();
    this.run = undefined;
  }
}

/** The time in which somebody watches. */
class Run implements MessageObserver {
  until = 0;
  /** Resolves when there are numbers, or never will be. */
  readonly begun: Promise<void>;
  private readonly resolveBegun: () => void;
  private readonly window: ActivityWindow;
  private readonly slowReaders = new SlowReaders();
  private readonly stops: (() => void)[];
  private look: { readonly at: number; readonly summary: ConnectionSummary } | undefined;
  private feed: FeedActivity | undefined;
  private feedReadAt = Number.NEGATIVE_INFINITY;
  private last: Sample;
  private rates: Pick<NodeActivity, "per_second" | "cpu"> | undefined;
  private plannedLoop = performance.now() + LOOP_MS;

  constructor(
    private readonly deps: ActivityRecorderDeps,
    private readonly onEnd: () => void,
  ) {
    const { clock, counts } = deps;
    this.window = new ActivityWindow(clock.now());
    this.last = this.sample();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.begun = promise;
    this.resolveBegun = resolve;
    counts.observer = this;
    this.stops = [
      clock.every(TICK_MS, () => this.tick()),
      clock.every(LOOP_MS, () => this.measureLoop()),
      () => {
        counts.observer = undefined;
      },
    ];
    this.readFeed();
  }

  message(user: string, conversation: string, ackMs: number | undefined): void {
    this.window.message(user, conversation, ackMs);
  }

  read(): SharedActivity | undefined {
    const { rates, deps } = this;
    if (rates === undefined) return undefined;
    const now = deps.clock.now();
    const at = deps.clock.wall();
    if (this.look === undefined || now - this.look.at >= LOOK_MS)
      this.look = { at: now, summary: this.slowReaders.look(deps.connections(), at) };
    const { length, acks, loopDelays, conversations, users } = this.window.summary(now);
    return {
      ...deps.facts(),
      ...{ at, uptime: Math.max(0, now - deps.startedAt) / 1000, window: length / 1000 },
      ...rates,
      ...(acks.count > 0 && { ack: quantiles(acks) }),
      ...(loopDelays.count > 0 && { loop_delay: quantiles(loopDelays) }),
      memory_bytes: process.memoryUsage.rss(),
      ...this.look.summary,
      busiest_conversations: conversations.map(({ name, rate }) => ({
        ...{ conversation: name, messages: rounded(rate), connections: deps.connectionsIn(name) },
      })),
      busiest_users: users.map(({ name, rate }) => ({ user: name, messages: rounded(rate) })),
      ...(this.feed !== undefined && { feed: this.feed }),
    };
  }

  stop(): void {
    for (const stop of this.stops) stop();
    this.resolveBegun();
  }

  private tick(): void {
    const now = this.deps.clock.now();
    if (now >= this.until) {
      this.onEnd();
      return;
    }
    this.window.advance(now);
    const { last } = this;
    const next = this.sample();
    this.last = next;
    const seconds = Math.max(0.001, (next.time - last.time) / 1000);
    this.rates = {
      per_second: {
        messages: rounded((next.messages - last.messages) / seconds),
        delivered: rounded((next.delivered - last.delivered) / seconds),
      },
      cpu: rounded((next.cpuMs - last.cpuMs) / 1000 / seconds),
    };
    this.resolveBegun();
    if (now - this.feedReadAt >= FEED_MS) this.readFeed();
  }

  private readFeed(): void {
    this.feedReadAt = this.deps.clock.now();
    this.deps.readFeed().then(
      (feed) => {
        this.feed = feed;
      },
      // The store is away, which `store` says; how far they had come is not known meanwhile.
      () => {
        this.feed = undefined;
      },
    );
  }

  private measureLoop(): void {
    const now = performance.now();
    this.window.loopDelay(Math.max(0, now - this.plannedLoop));
    this.plannedLoop = now + LOOP_MS;
  }

  private sample(): Sample {
    const { stored = 0, delivered = 0 } = this.deps.counts.sinceStart();
    const { user, system } = process.cpuUsage();
    return { time: performance.now(), messages: stored, delivered, cpuMs: (user + system) / 1000 };
  }
}

/** What has come together since the start. */
interface Sample {
  /** Milliseconds since any moment. */
  readonly time: number;
  readonly messages: number;
  readonly delivered: number;
  readonly cpuMs: number;
}

/** In seconds. */
function quantiles(times: LogHistogram): Quantiles {
  const seconds = (ms: number) => Math.round(ms * 1000) / 1e6;
  return {
    p50: seconds(times.quantile(0.5)),
    p99: seconds(times.quantile(0.99)),
    max: seconds(times.max),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
