import { Counter, Gauge, Registry } from "prom-client";
import type { FeedActivity } from "../../core/activity/node-activity.ts";
import { type Entry, endingOf } from "../../core/conversation/entry.ts";
import type { ServerEvent } from "../../core/events/events.ts";
import type { CertificateTimes } from "../../core/operator/certificate-validity.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { ERRORS, type ErrorCode } from "../../protocol/errors.ts";
import { TurnTime } from "../process/turn-time.ts";
import { FastHistogram } from "./fast-histogram.ts";
import { largestLags, largestRetryAge, webhookStates } from "./feed-numbers.ts";
import {
  type ApprovalResult,
  type CounterName,
  type GaugeName,
  type HistogramName,
  METRICS,
  type MetricDefinition,
  type MetricName,
} from "./table.ts";

/** How often the delay of the event loop is measured, in milliseconds. */
const LOOP_INTERVAL_MS = 50;

/** What the server knows when the metrics are read. */
export interface ServerState {
  readonly live: number;
  readonly opening: number;
  readonly openConversations: number;
  readonly openStreams: number;
  readonly unsentBytes: number;
  readonly slowReaders: number;
  readonly isStoreUp: boolean;
  /** Messages since the start by outcome, with `delivered`. */
  readonly messages: Readonly<Record<string, number>>;
}

/** The times of a certificate, and the present time, in milliseconds since 1970. */
interface CertificateNow {
  readonly times: CertificateTimes;
  readonly now: number;
}

/** The metrics of this process (OP1). Where `METRICS_ADDRESS` is not set, there is none, and nothing is counted. */
export class ServerMetrics {
  readonly contentType: string;
  private readonly registry = openMetricsRegistry();
  private readonly counters = new Map<CounterName, Counter>();
  private readonly gauges = new Map<GaugeName, Gauge>();
  private readonly histograms = new Map<HistogramName, FastHistogram>();
  private readonly plans: ReadonlySet<string>;
  private readonly stopMeasuring: () => void;
  private readonly deliveries: FastHistogram;
  private readonly wall: TurnTime;
  private readState: (() => ServerState) | undefined;
  private readFeed: (() => Promise<FeedActivity>) | undefined;
  private readCertificate: (() => CertificateNow) | undefined;

  constructor(deps: {
    readonly clock: Clock;
    readonly version: string;
    readonly engine: string;
    readonly plans: Iterable<string>;
  }) {
    this.contentType = this.registry.contentType;
    this.plans = new Set(deps.plans);
    this.wall = new TurnTime(() => deps.clock.wall());
    for (const name of Object.keys(METRICS) as MetricName[]) this.register(name, METRICS[name]);
    for (const plan of [...this.plans, "other"]) this.counters.get("parley_quota_refusals")!.inc({ plan }, 0);
    this.deliveries = this.histogram("parley_delivery_seconds");
    this.gauge("parley_build_info").set({ version: deps.version, engine: deps.engine }, 1);
    let planned = deps.clock.now() + LOOP_INTERVAL_MS;
    this.stopMeasuring = deps.clock.every(LOOP_INTERVAL_MS, () => {
      const now = deps.clock.now();
      this.observe("parley_event_loop_delay_seconds", Math.max(0, now - planned) / 1000);
      planned = now + LOOP_INTERVAL_MS;
    });
  }

  /** Where the numbers of the server, and of what reads the feed, are read from, at each reading of the metrics. */
  watch(readState: () => ServerState, readFeed: () => Promise<FeedActivity>): void {
    this.readState = readState;
    this.readFeed = readFeed;
  }

  /** Where the times of the certificate in use are read from. */
  watchCertificate(read: () => CertificateNow): void {
    this.readCertificate = read;
  }

  /** A listener of the event bus. */
  readonly listener = (event: ServerEvent): void => {
    switch (event.name) {
      case "connection.opened":
        this.count("parley_connections_opened");
        break;
      case "connection.closed":
        this.count("parley_connections_closed", { code: closeCodeLabel(event.fields.close_code) });
        break;
      case "handshake.refused":
        this.count("parley_handshakes_refused", { code: errorLabel(event.fields.code) });
        break;
      case "connection.rejected":
      case "frame.refused":
        this.count("parley_requests_refused", { code: errorLabel(event.fields.code) });
        break;
      case "limit.rate":
        this.count("parley_requests_refused", { code: "rate_limited" });
        break;
      case "limit.flooding":
        this.count("parley_requests_refused", { code: "flooding" });
        break;
    }
  };

  /** An HTTP request was refused, or a message of a list. */
  requestRefused(code: ErrorCode): void {
    this.count("parley_requests_refused", { code });
  }

  /** A request over the plan. */
  quotaRefused(plan: string): void {
    this.count("parley_quota_refusals", { plan: this.plans.has(plan) ? plan : "other" });
  }

  /** A client came back with a position. */
  resumed(result: "resumed" | "gap" | "lost"): void {
    this.count("parley_resumes", { result });
  }

  /** The clients of this node are sent an entry. */
  delivered({ at, body }: Pick<Entry, "at" | "body">): void {
    this.deliveries.observe(Math.max(0, this.wall.now() - at) / 1000);
    const state = endingOf(body)?.state;
    if (state !== undefined) this.count("parley_streams_ended", { state });
  }

  /** A question to the server at APPROVAL_URL was decided. */
  approvalDecided(result: ApprovalResult): void {
    this.count("parley_approval_requests", { result });
  }

  webhookAttempted(result: "delivered" | "failed"): void {
    this.count("parley_webhook_attempts", { result });
  }

  observe(name: HistogramName, value: number): void {
    this.histograms.get(name)!.observe(value);
  }

  /** The histogram itself, for a place that is passed by each message. */
  histogram(name: HistogramName): FastHistogram {
    return this.histograms.get(name)!;
  }

  /** Returns all metrics as OpenMetrics text. */
  async read(): Promise<string> {
    const state = this.readState?.();
    if (state !== undefined) this.take(state);
    this.takeCertificate(this.readCertificate?.());
    // While the store is away, which `parley_store_up` says, these are not known.
    this.takeFeed(await this.readFeed?.().catch(() => undefined));
    return this.registry.metrics();
  }

  stop(): void {
    this.stopMeasuring();
  }

  private take(state: ServerState): void {
    this.gauge("parley_connections").set({ phase: "live" }, state.live);
    this.gauge("parley_connections").set({ phase: "opening" }, state.opening);
    this.gauge("parley_conversations_open").set(state.openConversations);
    this.gauge("parley_streams_open").set(state.openStreams);
    this.gauge("parley_unsent_bytes").set(state.unsentBytes);
    this.gauge("parley_slow_readers").set(state.slowReaders);
    this.gauge("parley_store_up").set(state.isStoreUp ? 1 : 0);
    const { delivered = 0, ...outcomes } = state.messages;
    this.setCounter("parley_messages_delivered", delivered);
    for (const [outcome, count] of Object.entries(outcomes))
      this.setCounter("parley_messages", count, { outcome });
  }

  private takeCertificate(certificate: CertificateNow | undefined): void {
    const left = this.gauge("parley_certificate_left_seconds");
    const lifetime = this.gauge("parley_certificate_lifetime_seconds");
    if (certificate === undefined) {
      // A gauge without labels begins at 0, which would be a certificate that expires now.
      left.remove();
      lifetime.remove();
      return;
    }
    const { times, now } = certificate;
    left.set((times.until - now) / 1000);
    lifetime.set((times.until - times.from) / 1000);
  }

  private takeFeed(feed: FeedActivity | undefined): void {
    const [lags, states] = [this.gauge("parley_feed_lag_seconds"), this.gauge("parley_webhooks")];
    const retryAge = this.gauge("parley_webhook_retry_age_seconds");
    for (const gauge of [lags, states, retryAge]) gauge.reset();
    // A gauge without labels would be 0 after `reset`, as if no receiver failed.
    if (feed === undefined) {
      retryAge.remove();
      return;
    }
    retryAge.set(largestRetryAge(feed));
    for (const [reader, lag] of Object.entries(largestLags(feed))) lags.set({ reader }, lag);
    for (const [state, count] of Object.entries(webhookStates(feed))) states.set({ state }, count);
  }

  /** Sets a counter to what was counted elsewhere since the start. */
  private setCounter(name: CounterName, total: number, labels: Record<string, string> = {}): void {
    const counter = this.counters.get(name)!;
    counter.remove(labels);
    counter.inc(labels, total);
  }

  private count(name: CounterName, labels: Record<string, string> = {}): void {
    this.counters.get(name)!.inc(labels);
  }

  private gauge(name: GaugeName): Gauge {
    return this.gauges.get(name)!;
  }

  private register(name: MetricName, definition: MetricDefinition): void {
    const { type, help, labels = [], values = [], buckets = [] } = definition;
    const config = { name, help, labelNames: [...labels], registers: [this.registry] };
    if (type === "counter") {
      const counter = new Counter(config);
      for (const value of values) counter.inc({ [labels[0]!]: value }, 0);
      this.counters.set(name as CounterName, counter);
    } else if (type === "gauge") this.gauges.set(name as GaugeName, new Gauge(config));
    else {
      const histogram = new FastHistogram(name, help, buckets).registerIn(this.registry);
      this.histograms.set(name as HistogramName, histogram);
    }
  }
}

function openMetricsRegistry(): Registry {
  const registry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  return registry;
}

/** Close codes of clients can be any number. */
function closeCodeLabel(code: number): string {
  return code in CLOSE_CODES || code === 1000 || code === 1001 || code === 1006 ? String(code) : "other";
}

function errorLabel(code: string): string {
  return code in ERRORS ? code : "other";
}
