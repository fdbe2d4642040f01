import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { PostResult } from "../../core/ports/message-log.ts";
import type { FastHistogram } from "../metrics/fast-histogram.ts";
import type { ServerMetrics } from "../metrics/server-metrics.ts";
import type { MessageOutcome } from "../metrics/table.ts";
import { TurnTime } from "../process/turn-time.ts";

const REPORT_INTERVAL_MS = 10_000;

/** The sender of a message, for the log. */
export interface MessageSender {
  readonly user: string;
  readonly conversation: string;
  /** The name of its plan. */
  readonly plan?: string | undefined;
}

/** Is shown each message, while somebody watches the server. */
export interface MessageObserver {
  /** A message was processed. `ackMs`: how long its sender waited for the ack, in milliseconds, where that was measured. */
  message(user: string, conversation: string, ackMs: number | undefined): void;
}

/**
 * Counts messages for the log: one event each at the level `debug`, and every ten seconds with messages one event with their
 * number by outcome. A line for each at `info` would cost more than the message.
 */
export class MessageCounters {
  private readonly outcomes = new Map<MessageOutcome, number>();
  /** The counts of all reports. */
  private readonly reported = new Map<MessageOutcome, number>();
  private readonly stopReporting: () => void;
  private reportedDelivered = 0;
  private readonly acks: FastHistogram | undefined;
  // Two of them, because a message can be stored in the turn in which it came: its ack would seem to take no time.
  private readonly arrivals = new TurnTime(() => performance.now());
  private readonly results = new TurnTime(() => performance.now());
  /** Undefined while nobody watches. */
  observer: MessageObserver | undefined;

  /** `delivered` returns the number of frames delivered so far; `each` is whether `debug` is written at all. */
  constructor(
    clock: Clock,
    private readonly emit: Emit,
    private readonly delivered: () => number,
    private readonly each: boolean,
    private readonly metrics?: ServerMetrics | undefined,
  ) {
    this.acks = metrics?.histogram("parley_ack_seconds");
    this.stopReporting = clock.every(REPORT_INTERVAL_MS, () => this.report());
  }

  /** The time at which a message arrived, for `count`, in milliseconds since any moment; 0 where nobody reads it. */
  begin(): number {
    return this.acks === undefined && this.observer === undefined ? 0 : this.arrivals.now();
  }

  /** Counts one message by the result of the engine. `began`: what `begin` returned for it. */
  count({ user, conversation, plan }: MessageSender, id: string, result: PostResult, began = 0): void {
    const outcome = outcomeOf(result);
    const { acks, observer } = this;
    if (acks !== undefined || observer !== undefined) {
      const ackMs = began > 0 && outcome === "stored" ? this.results.now() - began : undefined;
      if (ackMs !== undefined) acks?.observe(ackMs / 1000);
      observer?.message(user, conversation, ackMs);
      if (outcome === "rate_limited") this.metrics?.quotaRefused(plan ?? "");
    }
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    if (!this.each) return;
    const seq = "seq" in result ? result.seq : undefined;
    this.emit("message.processed", {
      user,
      conversation,
      message_id: id,
      outcome,
      ...(seq !== undefined && { seq }),
    });
  }

  /** Reports the counts since the last report. */
  report(): void {
    if (this.outcomes.size === 0) return;
    const delivered = this.delivered() - this.reportedDelivered;
    this.emit("messages.processed", { ...Object.fromEntries(this.outcomes), delivered });
    for (const [outcome, count] of this.outcomes)
      this.reported.set(outcome, (this.reported.get(outcome) ?? 0) + count);
    this.outcomes.clear();
    this.reportedDelivered += delivered;
  }

  /** Returns the counts since the start, with the frames that were `delivered`. */
  sinceStart(): Record<string, number> {
    const all: Record<string, number> = Object.fromEntries(this.reported);
    for (const [outcome, count] of this.outcomes) all[outcome] = (all[outcome] ?? 0) + count;
    all.delivered = this.delivered();
    return all;
  }

  stop(): void {
    this.stopReporting();
    this.report();
  }
}

function outcomeOf(result: PostResult): MessageOutcome {
  return result.outcome === "unavailable" && result.because === "approval" ? "unapproved" : result.outcome;
}
