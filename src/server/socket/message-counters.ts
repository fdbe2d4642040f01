import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { PostResult } from "../../core/ports/message-log.ts";

const REPORT_INTERVAL_MS = 10_000;

/** The sender of a message, for the log. */
export interface MessageSender {
  readonly user: string;
  readonly conversation: string;
}

/**
 * Counts messages for the log: one event each at the level `debug`, and every ten seconds with messages one event with their
 * number by outcome. A line for each at `info` would cost more than the message.
 */
export class MessageCounters {
  private readonly outcomes = new Map<PostResult["outcome"], number>();
  /** The counts of all reports. */
  private readonly reported = new Map<PostResult["outcome"], number>();
  private readonly stopReporting: () => void;
  private reportedDelivered = 0;

  /** `delivered` returns the number of frames delivered so far; `each` is whether `debug` is written at all. */
  constructor(
    clock: Clock,
    private readonly emit: Emit,
    private readonly delivered: () => number,
    private readonly each: boolean,
  ) {
    this.stopReporting = clock.every(REPORT_INTERVAL_MS, () => this.report());
  }

  /** Counts one message by the result of the engine. */
  count({ user, conversation }: MessageSender, id: string, result: PostResult): void {
    const { outcome } = result;
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
