import type { Clock } from "../../core/clock.ts";
import type { PostResult } from "../../core/engine.ts";
import type { Log } from "../log.ts";

const INTERVAL = 10_000;

/** Counts messages by what became of them, and says so every ten seconds in which there were any. */
export class MessageCounts {
  private readonly outcomes = new Map<PostResult["outcome"], number>();
  private readonly stopTelling: () => void;
  private deliveredBefore = 0;

  constructor(
    clock: Clock,
    private readonly log: Log,
    private readonly delivered: () => number,
  ) {
    this.stopTelling = clock.every(INTERVAL, () => this.tell());
  }

  count(outcome: PostResult["outcome"]): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }

  /** Says what was counted since the last time. */
  tell(): void {
    if (this.outcomes.size === 0) return;
    const delivered = this.delivered() - this.deliveredBefore;
    this.log.info("messages.processed", { ...Object.fromEntries(this.outcomes), delivered });
    this.outcomes.clear();
    this.deliveredBefore += delivered;
  }

  stop(): void {
    this.stopTelling();
    this.tell();
  }
}
