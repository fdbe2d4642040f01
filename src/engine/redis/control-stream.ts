import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { RedisClient } from "./connection/client.ts";

/** What every node has to know: an account changed, tokens were revoked, or a command changed a conversation. */
export type ControlEvent =
  | { readonly account: string }
  | { readonly tokenId: string }
  | { readonly user: string; readonly before: number }
  | { readonly conversation: string; readonly change: "removed" | "limits" };

/** What fails is tried again, as `missed`. */
export interface ControlListener {
  /** What was written since the last time, in order; by this node, too. */
  onEvents(events: readonly ControlEvent[]): Promise<void> | void;
  /** Events may have been lost: whatever they could have changed must be looked at again. */
  onMissed(): Promise<void> | void;
}

/** How often the log is read, in milliseconds; the ports promise a second. */
const POLL_INTERVAL_MS = 250;

/** How often a node keeps the log from running out, in milliseconds. */
const RENEW_INTERVAL_MS = 3_600_000;

/** Entries kept, about. A node that was away for longer looks at everything. */
const MAX_ENTRIES = 10_000;

/** How long the log is kept when no node is there, in milliseconds. */
const TTL_MS = 86_400_000;

/** Entries read in one go. */
const READ_COUNT = 1_000;

/**
 * How nodes notify each other of what does not belong to a conversation: a capped stream that every node reads four times a
 * second. Nothing is published, so a failover can swallow nothing.
 *
 *   … │ 17-0 │ 18-0 │ 19-0 │ 20-0 │
 *                 ▲ position: read, and read again with what follows
 *
 * Where the entry at `position` is missing, the store was emptied, went back, or has more than it keeps; then, and after
 * each look that failed, listeners are notified that they may have missed something.
 */
export class ControlStream {
  private readonly key: string;
  private readonly listeners = new Set<ControlListener>();
  private position = "";
  /** What was lost meanwhile is not known. */
  private isInvalid = false;
  /** A listener failed the last time. */
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

  /** Begins to read, at the end of the log. A program that only writes need not call it. */
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

  /** Writes an event. Where that can be done together with the change itself, a script does it (lua/connection/control-append.lua). */
  async append(event: ControlEvent): Promise<void> {
    const fields = Object.entries(event).flatMap(([name, value]) => [name, String(value)]);
    await this.client.commands.xadd(this.key, "MAXLEN", "~", MAX_ENTRIES, "*", ...fields);
    await this.renewExpiry();
  }

  /** KEYS and ARGV of a script that includes lua/connection/control-append.lua, after those of its own. */
  get scriptKeys(): string[] {
    return [this.key];
  }

  get scriptArguments(): number[] {
    return [MAX_ENTRIES, TTL_MS];
  }

  /** Has all listeners look at everything again, the next time the log is read. */
  invalidate(): void {
    this.isInvalid = true;
  }

  /** Reads what was written until now; resolves when all listeners have dealt with it. Never rejects. */
  poll(): Promise<void> {
    if (this.position === "") return Promise.resolve();
    if (this.running === undefined) {
      this.running = this.read().finally(() => {
        this.running = undefined;
      });
      return this.running;
    }
    // The one under way may have read before what the caller has written.
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
      // The client has logged that Redis is away.
      this.isInvalid = true;
    }
  }

  /** The end is found first: events that come while the listeners read everything are delivered afterwards. */
  private async resync(): Promise<void> {
    this.position = await this.findEnd();
    this.isInvalid = false;
    await this.notifyListeners((listener) => listener.onMissed());
  }

  /** A listener that fails does not keep the others from their events. */
  private async notifyListeners(task: (listener: ControlListener) => Promise<void> | void): Promise<void> {
    const done = await Promise.allSettled([...this.listeners].map((each) => Promise.try(task, each)));
    const failed = done.find((result) => result.status === "rejected");
    if (failed === undefined) {
      this.hasFailed = false;
      return;
    }
    this.isInvalid = true;
    // It is tried again four times a second, and logged once.
    if (!this.hasFailed && this.client.ready)
      this.emit("control.listener_failed", { error: String(failed.reason) });
    this.hasFailed = true;
  }

  /** The newest entry, which is written where there is none: without it an empty log would look like a lost one. */
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
  if (name === "tokenId") return [{ tokenId: value }];
  if (name === "conversation")
    return [{ conversation: value, change: second === "removed" ? "removed" : "limits" }];
  if (name === "user") return [{ user: value, before: Number(second) }];
  return [];
}
