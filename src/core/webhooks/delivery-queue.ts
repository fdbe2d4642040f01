// The order in which a webhook's events are sent.
//
//   feed ──► pages of the window ──► one lane per conversation ──► DELIVERY_PLACES places ──► requests
//
// - The events of one conversation are sent in their order: the next one when the receiver has accepted the one before.
// - Conversations do not wait for each other, as long as there is a place: an event that waits for its next attempt keeps its
//   place. So a receiver that is away gets as many requests as there are places, and then only their retries.
// - The position is the end of the last page before the oldest event that is not accepted. After a stop the window is sent again.
import { lostEventId } from "../feed/encode-event.ts";
import type { FeedEvent } from "../feed/feed-event.ts";
import type { FeedPage, FeedPosition } from "../ports/feed/feed.ts";
import { nextRetry, type Verdict } from "./attempt.ts";
import type { Retry, WebhookProgress } from "./webhook.ts";

/** How many events of a webhook are being sent, or wait for their next attempt, at a time. */
export const DELIVERY_PLACES = 8;

/** The same of a receiver that is slow: all webhooks of a node share its requests. */
export const SLOW_DELIVERY_PLACES = 2;

/** How many events are read ahead of the oldest one that is not accepted. */
export const DELIVERY_WINDOW = 500;

/** How many events are read from the feed at a time. */
export const DELIVERY_PAGE = 100;

/** That events were lost (EV4), as an event of its own. */
export interface LostEvents {
  readonly id: string;
  readonly type: "events.lost";
  readonly at: number;
  readonly since: number;
  readonly until: number;
}

export type QueuedEvent = FeedEvent | LostEvents;

/** Everything that happens in one webhook's queue. Times are in milliseconds since 1970. */
export class DeliveryQueue {
  private readonly pages: Page[] = [];
  private readonly lanes = new Map<string, Item[]>();
  /** First events of their lanes which were not sent yet. */
  private ready: Item[] = [];
  private readonly items = new Map<string, Item>();
  private readonly sending = new Set<string>();
  private readonly waiting = new Map<string, Retry>();
  /** What a stopped sender has left, of events that were not read again yet. */
  private readonly left: Map<string, Retry>;
  /** Events that come after `events.lost`, while the receiver has not accepted that. */
  private behindLost: Item[] | undefined;
  /** Events of `pages`, also accepted ones. */
  private size = 0;
  private ended: FeedPosition;
  private lastSuccess: WebhookProgress["lastSuccess"];
  private lastFailure: WebhookProgress["lastFailure"];

  constructor(private readonly start: WebhookProgress) {
    this.ended = start.position;
    this.left = new Map(start.retries.map((retry) => [retry.event, retry]));
    this.lastSuccess = start.lastSuccess;
    this.lastFailure = start.lastFailure;
  }

  /** Where the next page begins. */
  get readFrom(): FeedPosition {
    return this.pages.at(-1)?.position ?? this.ended;
  }

  /** Whether a further page is to be read. */
  wantsPage(): boolean {
    return this.size < DELIVERY_WINDOW && this.behindLost === undefined;
  }

  /** Adds the page that follows `readFrom`. */
  addPage({ events, position, lost }: Pick<FeedPage, "events" | "position" | "lost">): void {
    const { since = 0 } = this.start;
    const page: Page = { position, items: [], left: 0 };
    const queued: QueuedEvent[] = lost === undefined ? [] : [lostEvents(lost)];
    for (const event of events) if (event.at >= since) queued.push(event);
    for (const event of queued) {
      const item: Item = { event, page, done: false };
      page.items.push(item);
      this.items.set(event.id, item);
      this.enqueue(item);
    }
    page.left = page.items.length;
    this.size += page.left;
    this.pages.push(page);
    this.dropAccepted();
    if (this.pages.length === 0) this.left.clear();
  }

  /** Returns the events to send now, whose results MUST be given to `accepted` or `refused`. */
  take(now: number, places = DELIVERY_PLACES): QueuedEvent[] {
    if (now < this.heldUntil()) return [];
    const taken: QueuedEvent[] = [];
    for (const { event: id, nextAt } of this.waiting.values())
      if (nextAt <= now && !this.sending.has(id)) {
        this.sending.add(id);
        taken.push(this.items.get(id)!.event);
      }
    while (this.usedPlaces() < places && this.ready.length > 0) {
      const { event } = this.ready.shift()!;
      this.sending.add(event.id);
      taken.push(event);
    }
    return taken;
  }

  /** Returns when `take` has something to retry; undefined where nothing waits. */
  nextRetryAt(): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    for (const { event, nextAt } of this.waiting.values())
      if (!this.sending.has(event)) next = Math.min(next, nextAt);
    return next === Number.POSITIVE_INFINITY ? undefined : Math.max(next, this.heldUntil());
  }

  /** The receiver has accepted the event. */
  accepted(id: string, now: number): void {
    this.lastSuccess = { at: now, event: id };
    this.sending.delete(id);
    this.waiting.delete(id);
    const item = this.items.get(id)!;
    item.done = true;
    item.page.left--;
    this.items.delete(id);
    const lane = this.lanes.get(laneOf(item.event))!;
    lane.shift();
    const [next] = lane;
    if (next === undefined) this.lanes.delete(laneOf(item.event));
    else this.offer(next);
    if (item.event.type === "events.lost") this.releaseBehindLost();
    this.dropAccepted();
  }

  /** The receiver has not accepted the event. Returns whether it is tried again. */
  refused(
    id: string,
    verdict: Extract<Verdict, { kind: "failed" | "throttled" }>,
    now: number,
    random: number,
  ): boolean {
    this.lastFailure = { at: now, event: id, reason: verdict.reason };
    this.sending.delete(id);
    const retry = nextRetry(id, this.waiting.get(id), verdict, now, random);
    if (retry !== undefined) this.waiting.set(id, retry);
    return retry !== undefined;
  }

  /** Returns whether all that was read is accepted. */
  get isEmpty(): boolean {
    return this.items.size === 0;
  }

  progress(): WebhookProgress {
    const { course, since } = this.start;
    const oldest = this.pages[0]?.items.find(({ done }) => !done);
    return {
      course,
      position: this.ended,
      ...(since !== undefined && { since }),
      retries: [...this.waiting.values(), ...this.left.values()],
      ...(oldest && { waitingSince: oldest.event.at }),
      ...(this.lastSuccess && { lastSuccess: this.lastSuccess }),
      ...(this.lastFailure && { lastFailure: this.lastFailure }),
    };
  }

  private enqueue(item: Item): void {
    if (this.behindLost !== undefined) {
      this.behindLost.push(item);
      return;
    }
    if (item.event.type === "events.lost") this.behindLost = [];
    const name = laneOf(item.event);
    const lane = this.lanes.get(name);
    if (lane !== undefined) {
      lane.push(item);
      return;
    }
    this.lanes.set(name, [item]);
    this.offer(item);
  }

  /** The event is the first one of its lane: it is sent when there is a place, or waits for its next attempt. */
  private offer(item: Item): void {
    const { id } = item.event;
    const retry = this.left.get(id);
    if (retry === undefined) this.ready.push(item);
    else {
      this.left.delete(id);
      this.waiting.set(id, retry);
    }
  }

  private releaseBehindLost(): void {
    const behind = this.behindLost ?? [];
    this.behindLost = undefined;
    for (const item of behind) this.enqueue(item);
  }

  private usedPlaces(): number {
    let used = this.sending.size;
    for (const id of this.waiting.keys()) if (!this.sending.has(id)) used++;
    return used;
  }

  /** Returns the end of the pause that the receiver asked for: until then it gets nothing. */
  private heldUntil(): number {
    let until = 0;
    for (const { event, throttled, nextAt } of this.waiting.values())
      if (throttled && !this.sending.has(event)) until = Math.max(until, nextAt);
    return until;
  }

  private dropAccepted(): void {
    while (this.pages[0]?.left === 0) {
      const { items, position } = this.pages.shift()!;
      this.size -= items.length;
      this.ended = position;
    }
  }
}

interface Item {
  readonly event: QueuedEvent;
  readonly page: Page;
  done: boolean;
}

interface Page {
  readonly position: FeedPosition;
  readonly items: Item[];
  /** Those that are not accepted. */
  left: number;
}

function lostEvents(gap: { readonly since: number; readonly until: number }): LostEvents {
  return { id: lostEventId(gap), type: "events.lost", at: gap.until, since: gap.since, until: gap.until };
}

/** Events of no conversation have a lane of their own. No identifier has a blank. */
function laneOf(event: QueuedEvent): string {
  if (event.type === "events.lost") return " lost";
  return event.conversation ?? " none";
}
