import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Feed } from "../../core/ports/feed/feed.ts";
import type { RunOnOneNode, StopTask, TaskRun } from "../../core/ports/shared-tasks.ts";
import type { StoredWebhook } from "../../core/webhooks/webhook.ts";
import type { FeedEventType } from "../../protocol/feed/event-types.ts";
import { ConcurrencyLimiter } from "../concurrency-limiter.ts";
import { type DeliveryDeps, WebhookDelivery } from "./delivery.ts";

/** How often a node without a sender looks for webhooks, in milliseconds. */
const LOOK_INTERVAL_MS = 2_000;

/** How often the sender looks for what is due, in milliseconds. */
const TICK_MS = 250;

/**
 * How long events are gathered before the feed is read, in milliseconds: it is read for each webhook, and a busy server would have it
 * read with each batch of messages.
 */
const GATHER_MS = 20;

/** How often the store is notified again which types are read, in milliseconds. */
const ASK_INTERVAL_MS = 3_600_000;

/** Requests of all webhooks at a time. The runtime sends 256 at a time, and most of them are for approval. */
const MAX_REQUESTS = 48;

export interface SenderDeps extends Omit<DeliveryDeps, "requests" | "feed" | "random"> {
  readonly feed: Pick<Feed, "read" | "watch">;
  readonly runOnOneNode: RunOnOneNode;
  readonly emit: Emit;
  readonly clock: Clock;
  /** These types, or all, are read (EV5). */
  readonly ask: (types: ReadonlySet<FeedEventType> | undefined) => Promise<void>;
}

/** Sends the events of all webhooks, on one of the nodes. Returns a function that stops it. */
export function sendWebhooks(deps: SenderDeps): StopTask {
  const requests = new ConcurrencyLimiter({ permits: MAX_REQUESTS });
  const deliveryDeps = { ...deps, requests, random: Math.random };
  return deps.runOnOneNode("webhooks", LOOK_INTERVAL_MS, async (run) => {
    const sender = new SenderRun(deps, deliveryDeps, run);
    await sender.run();
  });
}

/** One run of the shared task. */
class SenderRun {
  private readonly active = new Map<string, ActiveDelivery>();
  private reloading: Promise<void> = Promise.resolve();
  private finish: () => void = () => {};
  private fail: (error: unknown) => void = () => {};
  private isOver = false;
  private gathering: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly deps: SenderDeps,
    private readonly deliveryDeps: DeliveryDeps,
    private readonly task: TaskRun,
  ) {}

  /** Resolves when there is no active webhook; rejects when a delivery fails, because another run then begins at what is stored. */
  async run(): Promise<void> {
    const { webhooks, feed, clock } = this.deps;
    const { signal } = this.task;
    if (!(await webhooks.list()).some(isActive)) return this.ask();
    const over = new Promise<void>((resolve, reject) => {
      this.finish = resolve;
      this.fail = reject;
    });
    signal.addEventListener("abort", this.finish);
    const stops = [
      // Not awaited: a delivery that changes its webhook's state would wait for its own end.
      webhooks.watch(() => void this.reload().catch(this.fail)),
      feed.watch(() => this.gather()),
      () => clearTimeout(this.gathering),
      clock.every(TICK_MS, () => this.each((delivery) => delivery.tick())),
      clock.every(ASK_INTERVAL_MS, () => void this.ask().catch(this.fail)),
      () => signal.removeEventListener("abort", this.finish),
    ];
    try {
      this.reload().catch(this.fail);
      if (signal.aborted) this.finish();
      await over;
    } finally {
      this.isOver = true;
      for (const stop of stops) stop();
      await this.reloading.catch(() => {});
      await Promise.all([...this.active.keys()].map((id) => this.end(id)));
    }
  }

  private gather(): void {
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined;
      this.each((delivery) => delivery.notify());
    }, GATHER_MS);
  }

  private each(act: (delivery: WebhookDelivery) => void): void {
    for (const { delivery } of this.active.values()) act(delivery);
  }

  /** Begins and ends deliveries as the store says now. */
  private reload(): Promise<void> {
    const next = this.reloading.catch(() => {}).then(() => this.load());
    this.reloading = next;
    return next;
  }

  private async load(): Promise<void> {
    if (this.isOver) return;
    const { webhooks } = this.deps;
    await this.ask();
    const stored = new Map((await webhooks.list()).filter(isActive).map((webhook) => [webhook.id, webhook]));
    for (const [id, { delivery }] of this.active) {
      const now = stored.get(id);
      const { revision, progress } = delivery.webhook;
      if (now?.revision !== revision || now.progress.course !== progress.course) await this.end(id);
    }
    for (const id of stored.keys()) {
      if (this.isOver || this.active.has(id)) continue;
      // Read again: the delivery that has just ended has stored its progress.
      const webhook = await webhooks.find(id);
      if (webhook !== undefined && isActive(webhook)) this.begin(webhook);
    }
    if (this.active.size === 0) this.finish();
  }

  private begin(webhook: StoredWebhook): void {
    const delivery = new WebhookDelivery(this.deliveryDeps, webhook, this.task.generation);
    const ended = delivery.run().then(
      () => {
        // Paused, ended or changed by an operator: the store says what comes next.
        if (this.active.get(webhook.id)?.delivery !== delivery) return;
        this.active.delete(webhook.id);
        if (!this.isOver) this.reload().catch(this.fail);
      },
      (error) => {
        this.active.delete(webhook.id);
        this.fail(error);
      },
    );
    this.active.set(webhook.id, { delivery, ended });
  }

  private async end(id: string): Promise<void> {
    const ending = this.active.get(id);
    this.active.delete(id);
    ending?.delivery.stop();
    await ending?.ended;
  }

  /** The types of webhooks that are active or paused count as read; those of ended ones do not. */
  private async ask(): Promise<void> {
    for (const { status, types } of await this.deps.webhooks.list())
      if (status.state !== "ended") await this.deps.ask(types && new Set(types));
  }
}

interface ActiveDelivery {
  readonly delivery: WebhookDelivery;
  readonly ended: Promise<void>;
}

function isActive({ status }: StoredWebhook): boolean {
  return status.state === "active";
}
