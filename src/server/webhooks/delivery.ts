import type { Emit } from "../../core/events/events.ts";
import { encodeEvent, encodeLost } from "../../core/feed/encode-event.ts";
import type { FeedFilter } from "../../core/feed/filter.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { type Feed, OLDEST_POSITION } from "../../core/ports/feed/feed.ts";
import type { WebhookStore } from "../../core/ports/feed/webhooks.ts";
import { judgeAttempt } from "../../core/webhooks/attempt.ts";
import {
  DELIVERY_PAGE,
  DELIVERY_PLACES,
  DeliveryQueue,
  type QueuedEvent,
  SLOW_DELIVERY_PLACES,
} from "../../core/webhooks/delivery-queue.ts";
import { isFailing } from "../../core/webhooks/standing.ts";
import {
  feedFilterOf,
  type StoredWebhook,
  signingSecrets,
  type WebhookStatus,
} from "../../core/webhooks/webhook.ts";
import type { ConcurrencyLimiter } from "../concurrency-limiter.ts";
import { type EventContentDeps, readContent } from "../feed/event-content.ts";
import type { WebhookClient } from "./webhook-client.ts";

/** How often the progress is stored while events are sent, in milliseconds: so much is sent again after a `kill -9`. */
export const PROGRESS_INTERVAL_MS = 1_000;

/** A receiver that takes longer to answer is slow, in milliseconds. */
const SLOW_ANSWER_MS = 2_000;

export interface DeliveryDeps {
  readonly webhooks: WebhookStore;
  readonly feed: Pick<Feed, "read">;
  readonly content: EventContentDeps;
  readonly client: Pick<WebhookClient, "send">;
  /** Of all webhooks of this node. */
  readonly requests: ConcurrencyLimiter;
  readonly clock: Clock;
  readonly emit: Emit;
  /** A number from 0 to 1. */
  readonly random: () => number;
  /** Called after each request with whether the receiver accepted the event. */
  readonly onAttempt?: ((isAccepted: boolean) => void) | undefined;
}

/** A later run of the sender has written the progress: this one must end. */
export class SenderFenced extends Error {}

/**
 * Sends the events of one webhook, in one run of the sender, until it is stopped, paused or ended.
 *
 * Whatever fails beside a request (the store is away) ends it: the next run begins at the stored position.
 */
export class WebhookDelivery {
  private queue: DeliveryQueue;
  private readonly filter: FeedFilter;
  private readonly stopped = new AbortController();
  /** Resolves what waits in `idle`. */
  private wakeUp: (() => void) | undefined;
  private isAwake = true;
  /** Whether the feed may have events that were not read. */
  private hasNews = true;
  private isChanged = false;
  private writtenAt: number;
  /** Whether an event has failed and was not accepted since. */
  private isFailing: boolean;
  /** Whether the log has the failure. */
  private isReported: boolean;
  /** Whether the last answer took long. */
  private isSlow = false;
  private status: WebhookStatus | undefined;
  /** What a request, which nobody waits for, has failed with. */
  private failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly deps: DeliveryDeps,
    readonly webhook: StoredWebhook,
    private readonly generation: number,
  ) {
    const { progress } = webhook;
    this.queue = new DeliveryQueue(progress);
    this.filter = feedFilterOf(webhook);
    this.isFailing = progress.retries.length > 0 || isFailing(progress);
    // After an operator has resumed it no attempt counts: another failure is news.
    this.isReported = progress.retries.some(({ attempts, throttled }) => attempts > 0 || throttled);
    this.writtenAt = deps.clock.now();
  }

  /** The feed may have events. */
  notify(): void {
    this.hasNews = true;
    this.wake();
  }

  /** Time has passed: an event may be due, or the progress is to be stored. */
  tick(): void {
    const next = this.queue.nextRetryAt();
    if (this.isChanged || (next !== undefined && next <= this.deps.clock.wall())) this.wake();
  }

  /** Ends what is under way; `run` then resolves. */
  stop(): void {
    this.stopped.abort();
    this.wake();
  }

  /** Resolves when it was stopped, or the webhook is not active any more or was changed by an operator. */
  async run(): Promise<void> {
    try {
      await this.sendAll();
    } finally {
      // Nobody waits for the requests that are left.
      this.stopped.abort();
    }
  }

  private async sendAll(): Promise<void> {
    const { clock } = this.deps;
    while (!this.stopped.signal.aborted && this.status === undefined) {
      await this.readOn();
      await this.sendNext();
      if (this.failure !== undefined) throw this.failure.error;
      if (this.isChanged && clock.now() - this.writtenAt >= PROGRESS_INTERVAL_MS && !(await this.write()))
        return;
      await this.idle();
    }
    if (this.failure !== undefined) throw this.failure.error;
    this.stopped.abort();
    if ((await this.write()) && this.status !== undefined) await this.writeStatus(this.status);
  }

  private wake(): void {
    this.isAwake = true;
    this.wakeUp?.();
  }

  private async idle(): Promise<void> {
    if (!this.isAwake) await new Promise<void>((resolve) => (this.wakeUp = resolve));
    this.wakeUp = undefined;
    this.isAwake = false;
  }

  /** Fills the window from the feed. */
  private async readOn(): Promise<void> {
    while (this.hasNews && this.queue.wantsPage() && !this.stopped.signal.aborted) {
      this.hasNews = false;
      const page = await this.deps.feed.read(this.queue.readFrom, this.filter, DELIVERY_PAGE);
      if (page === undefined) {
        this.beginAtOldest();
        continue;
      }
      if (page.more) this.hasNews = true;
      if (page.position === this.queue.readFrom && page.lost === undefined) continue;
      this.queue.addPage(page);
      this.isChanged = true;
    }
  }

  /** The position is not one of this store: what was between is unknown. */
  private beginAtOldest(): void {
    const { createdAt, progress } = this.webhook;
    const { waitingSince, lastSuccess, since: _since, ...kept } = progress;
    const since = waitingSince ?? lastSuccess?.at ?? createdAt;
    this.queue = new DeliveryQueue({
      ...kept,
      ...(lastSuccess && { lastSuccess }),
      position: OLDEST_POSITION,
    });
    this.queue.addPage({
      events: [],
      position: OLDEST_POSITION,
      lost: { since, until: Math.max(since, this.deps.clock.wall()) },
    });
    this.hasNews = true;
  }

  /** Begins the requests for which there is a place. */
  private async sendNext(): Promise<void> {
    const places = this.isSlow ? SLOW_DELIVERY_PLACES : DELIVERY_PLACES;
    const events = this.queue.take(this.deps.clock.wall(), places);
    if (events.length === 0) return;
    const stored = events.filter((event) => event.type !== "events.lost");
    // Read for each attempt: what was erased since the last one is not sent any more (CH3).
    const content = await readContent(this.deps.content, stored);
    for (const event of events) {
      const body = event.type === "events.lost" ? encodeLost(event) : encodeEvent(event, content.of(event));
      void this.attempt(event, body).catch((error) => {
        this.failure ??= { error };
        this.wake();
      });
    }
  }

  private async attempt(event: QueuedEvent, body: string): Promise<void> {
    const { client, requests, clock, random } = this.deps;
    const { signal } = this.stopped;
    const acquired = requests.acquire();
    const permit = acquired instanceof Promise ? await acquired : acquired;
    try {
      if (signal.aborted) return;
      const { url, secrets } = this.webhook;
      const at = clock.wall();
      const delivery = { url, id: event.id, body, at, secrets: signingSecrets(secrets, at) };
      const begun = clock.now();
      const result = await client.send(delivery, signal);
      this.isSlow = clock.now() - begun > SLOW_ANSWER_MS;
      const now = clock.wall();
      const verdict = judgeAttempt(result, now);
      this.isChanged = true;
      this.deps.onAttempt?.(verdict.kind === "accepted");
      switch (verdict.kind) {
        case "accepted":
          this.queue.accepted(event.id, now);
          this.recover();
          break;
        case "gone":
          this.status ??= { state: "ended", at: now };
          break;
        case "failed":
        case "throttled":
          if (!this.queue.refused(event.id, verdict, now, random()))
            this.status ??= { state: "paused", reason: "failing", at: now };
          this.fail(event.id, verdict.reason);
          break;
        default:
          verdict satisfies never;
      }
      this.wake();
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      permit.release();
    }
  }

  /** One line for a row of failures: a receiver that is away would fill the log. */
  private fail(event: string, reason: string): void {
    this.isFailing = true;
    if (this.isReported) return;
    this.isReported = true;
    this.deps.emit("webhook.failing", { webhook: this.webhook.id, webhook_event: event, reason });
    // Stored soon: the next sender must know of the attempt.
    this.writtenAt = Number.NEGATIVE_INFINITY;
  }

  private recover(): void {
    if (!this.isFailing || this.queue.progress().retries.length > 0) return;
    this.isFailing = false;
    this.isReported = false;
    this.deps.emit("webhook.recovered", { webhook: this.webhook.id });
  }

  /** Stores the progress. Returns false where an operator has begun a new course, or removed the webhook. */
  private async write(): Promise<boolean> {
    this.isChanged = false;
    this.writtenAt = this.deps.clock.now();
    const outcome = await this.deps.webhooks.advance(this.webhook.id, this.generation, this.queue.progress());
    if (outcome === "fenced") throw new SenderFenced();
    return outcome === "written";
  }

  /** Pauses or ends the webhook, unless an operator has changed it meanwhile. */
  private async writeStatus(status: WebhookStatus): Promise<void> {
    const { webhooks, emit } = this.deps;
    const { id } = this.webhook;
    const stored = await webhooks.find(id);
    // What an operator has changed may be the reason: then the receiver is asked again.
    if (stored?.status.state !== "active" || stored.revision !== this.webhook.revision) return;
    const { progress, ...webhook } = stored;
    if (!(await webhooks.change({ webhook: { ...webhook, status, revision: webhook.revision + 1 } }))) return;
    if (status.state === "ended") emit("webhook.ended", { webhook: id });
    else emit("webhook.paused", { webhook: id, reason: progress.lastFailure?.reason ?? "unknown" });
  }
}
