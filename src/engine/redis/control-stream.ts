import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { RedisClient } from "./connection/client.ts";

/**
 * An event for all nodes: an account, an API key or a webhook changed, a type of feed events counts as read for longer, tokens were
 * revoked, or a command changed a conversation.
 */
export type ControlEvent =
  | { readonly account: string }
  | { readonly apiKey: string }
  | { readonly webhook: string }
  | { readonly eventType: string }
  | { readonly tokenId: string }
  | { readonly user: string; readonly before: number }
  | { readonly conversation: string; readonly change: "removed" | "limits" };

/** Receives the events. If a call rejects, `onMissed` is called later. */
export interface ControlListener {
  /** Receives the events since the last call in their order, including those of this node. */
  onEvents(events: readonly ControlEvent[]): Promise<void> | void;
  /** Called when events may have been lost: the listener must read again everything that they could have changed. */
  onMissed(): Promise<void> | void;
}

/** The interval at which the stream is read, in milliseconds. The ports promise a second. */
const POLL_INTERVAL_MS = 250;

/** The interval at which a node renews the expiry of the stream, in milliseconds. */
const RENEW_INTERVAL_MS = 3_600_000;

/** The approximate number of entries that are kept. A node that misses more than that reads everything again. */
const MAX_ENTRIES = 10_000;

/** How long the stream is kept while no node runs, in milliseconds. */
const TTL_MS = 86_400_000;

/** The number of entries that one command reads. */
const READ_COUNT = 1_000;

/**
 * Notifies all nodes of events that do not belong to a conversation, through a capped stream that every node reads four times
 * a second. Unlike published messages, entries of the stream cannot get lost when subscriptions break in a failover.
 *
 *   … │ 17-0 │ 18-0 │ 19-0 │ 20-0 │
 *                 ▲ position: the last entry that was read; it is read again together with those that follow
 *
 * If the entry at `position` is missing, the store was emptied, has lost writes in a failover, or has dropped old entries. Then,
 * and after each read that failed, the listeners are notified that they may have missed events.
 */
export class ControlStream {
  private readonly key: string;
  private readonly listeners = new Set<ControlListener>();
  private position = "";
  /** Whether events may have been lost. */
  private isInvalid = false;
  /** Whether a listener failed at the last read. */
  private hasFailed = false;
  private running: Promise<void> | undefined;
  private queued: Promise<void> | undefined;
  private stops: (() => void)[] = [];

  constructor(
    private readonly client: RedisClient,
    private readonly clock: Clock,
    private readonly emit: Emit,
  ) {
    this.key = client.keys.globalKey("control");
  }

  /** Starts to read at the end of the stream. A program that only writes need not call it. */
  async start(): Promise<void> {
    this.position = await this.findEnd();
    this.stops = [
      this.clock.every(POLL_INTERVAL_MS, () => void (this.running ?? this.poll())),
      this.clock.every(RENEW_INTERVAL_MS, () => void this.renewExpiry().catch(() => {})),
    ];
  }

  close(): void {
    for (const stop of this.stops.splice(0)) stop();
    this.listeners.clear();
    this.position = "";
  }

  listen(listener: ControlListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Writes an event. If the change is made by a script, that script writes the event (lua/connection/control-append.lua). */
  async append(event: ControlEvent): Promise<void> {
    const fields = Object.entries(event).flatMap(([name, value]) => [name, String(value)]);
    await this.client.commands.xadd(this.key, "MAXLEN", "~", MAX_ENTRIES, "*", ...fields);
    await this.renewExpiry();
  }

  /** The KEYS and ARGV for lua/connection/control-append.lua, which follow those of the script that includes it. */
  get scriptKeys(): string[] {
    return [this.key];
  }

  get scriptArguments(): number[] {
    return [MAX_ENTRIES, TTL_MS];
  }

  /** Has the next read call `onMissed` of all listeners. */
  invalidate(): void {
    this.isInvalid = true;
  }

  /** Reads the events up to now. Resolves when all listeners have processed them. Never rejects. */
  poll(): Promise<void> {
    if (this.position === "") return Promise.resolve();
    if (this.running === undefined) {
      this.running = this.read().finally(() => {
        this.running = undefined;
      });
      return this.running;
    }
    // The running read may have begun before the caller wrote its event.
    this.queued ??= this.running.then(() => {
      this.queued = undefined;
      return this.poll();
    });
    return this.queued;
  }

  private async read(): Promise<void> {
    try {
      for (let length = READ_COUNT; length === READ_COUNT; ) {
        const rows = await this.client.commands.xrange(this.key, this.position, "+", "COUNT", READ_COUNT);
        if (this.isInvalid || rows[0]?.[0] !== this.position) return await this.resync();
        length = rows.length;
        this.position = rows.at(-1)![0];
        const events = rows.slice(1).flatMap(([, fields]) => decodeEvent(fields));
        if (events.length > 0) await this.notifyListeners((listener) => listener.onEvents(events));
      }
    } catch {
      // The client has logged that Redis is unavailable.
      this.isInvalid = true;
    }
  }

  /** Finds the end of the stream first, so that events which arrive while the listeners read everything are delivered after that. */
  private async resync(): Promise<void> {
    this.position = await this.findEnd();
    this.isInvalid = false;
    await this.notifyListeners((listener) => listener.onMissed());
  }

  /** Calls all listeners, also if one of them fails. */
  private async notifyListeners(task: (listener: ControlListener) => Promise<void> | void): Promise<void> {
    const done = await Promise.allSettled([...this.listeners].map((each) => Promise.try(task, each)));
    const failed = done.find((result) => result.status === "rejected");
    if (failed === undefined) {
      this.hasFailed = false;
      return;
    }
    this.isInvalid = true;
    // Logged once, because the call is tried again four times a second.
    if (!this.hasFailed && this.client.ready)
      this.emit("control.listener_failed", { error: String(failed.reason) });
    this.hasFailed = true;
  }

  /** Returns the id of the newest entry. Writes one into an empty stream, which otherwise could not be distinguished from a lost one. */
  private async findEnd(): Promise<string> {
    const [newest] = await this.client.commands.xrevrange(this.key, "+", "-", "COUNT", 1);
    if (newest !== undefined) return newest[0];
    const id = await this.client.commands.xadd(this.key, "*", "node", this.client.node);
    await this.renewExpiry();
    return id!;
  }

  private async renewExpiry(): Promise<void> {
    await this.client.commands.pexpire(this.key, TTL_MS);
  }
}

function decodeEvent([name, value = "", , second]: readonly string[]): ControlEvent[] {
  if (name === "account") return [{ account: value }];
  if (name === "apiKey") return [{ apiKey: value }];
  if (name === "webhook") return [{ webhook: value }];
  if (name === "eventType") return [{ eventType: value }];
  if (name === "tokenId") return [{ tokenId: value }];
  if (name === "conversation")
    return [{ conversation: value, change: second === "removed" ? "removed" : "limits" }];
  if (name === "user") return [{ user: value, before: Number(second) }];
  return [];
}
