import { FrequentItems, mostFrequent } from "./frequent-items.ts";
import { LogHistogram } from "./log-histogram.ts";

/** Names that are counted exactly as long as there are no more of them. */
const NAMES = 256;

/** How many conversations and users are named as the busiest. */
export const BUSIEST = 20;

/** After this time the older half of the window is dropped, in milliseconds. */
export const HALF_WINDOW_MS = 5_000;

/** What is counted in one half of the window. */
class Half {
  readonly conversations = new FrequentItems(NAMES);
  readonly users = new FrequentItems(NAMES);
  readonly acks = new LogHistogram();
  readonly loopDelays = new LogHistogram();

  constructor(readonly since: number) {}
}

/** What a node did lately. Times in milliseconds, rates per second. */
export interface WindowSummary {
  /** How long what is counted took. */
  readonly length: number;
  readonly acks: LogHistogram;
  readonly loopDelays: LogHistogram;
  readonly conversations: readonly { readonly name: string; readonly rate: number }[];
  readonly users: readonly { readonly name: string; readonly rate: number }[];
}

/**
 * Counts what happens in the last five to ten seconds, in bounded memory.
 *
 *        older            newer
 *   ├── 5 s ────────┼── 0 to 5 s ──▶ now        then the newer half is the older one
 */
export class ActivityWindow {
  private older: Half | undefined;
  private newer: Half;

  constructor(now: number) {
    this.newer = new Half(now);
  }

  /** A message was processed; `ackMs` is how long its sender waited, where that is known. */
  message(user: string, conversation: string, ackMs: number | undefined): void {
    const { conversations, users, acks } = this.newer;
    conversations.add(conversation);
    users.add(user);
    if (ackMs !== undefined) acks.observe(ackMs);
  }

  /** A timer of the event loop ran so much later than planned. */
  loopDelay(milliseconds: number): void {
    this.newer.loopDelays.observe(milliseconds);
  }

  /** Drops what is too old; called about once a second. */
  advance(now: number): void {
    if (now - this.newer.since < HALF_WINDOW_MS) return;
    this.older = this.newer;
    this.newer = new Half(now);
  }

  summary(now: number): WindowSummary {
    const halves = this.older === undefined ? [this.newer] : [this.older, this.newer];
    const length = Math.max(1, now - halves[0]!.since);
    const acks = new LogHistogram();
    const loopDelays = new LogHistogram();
    for (const half of halves) {
      acks.add(half.acks);
      loopDelays.add(half.loopDelays);
    }
    const busiest = (counters: readonly FrequentItems[]) =>
      mostFrequent(counters, BUSIEST).map(({ name, count }) => ({ name, rate: (count * 1000) / length }));
    return {
      ...{ length, acks, loopDelays },
      conversations: busiest(halves.map(({ conversations }) => conversations)),
      users: busiest(halves.map(({ users }) => users)),
    };
  }
}
