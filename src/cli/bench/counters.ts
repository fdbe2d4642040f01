import { type Distribution, distribution } from "../stats/distribution.ts";

/** One second of a run. Times are in milliseconds. */
export interface SecondStats {
  /** From 0. */
  readonly second: number;
  readonly sent: number;
  readonly acked: number;
  readonly errors: number;
  readonly times: Distribution | undefined;
}

/** The results of a run. Times are in milliseconds, from when a message was due until its ack. */
export interface Totals {
  readonly sent: number;
  readonly acked: number;
  /** Messages without an ack, by error code or other reason. */
  readonly errors: Readonly<Record<string, number>>;
  /** From the start to the last ack, in seconds. */
  readonly seconds: number;
  /** Acks a second. */
  readonly throughput: number;
  readonly times: Distribution | undefined;
  /** The longest delay of a message after it was due, because this program was busy; 0 without a schedule. */
  readonly latest: number;
}

interface Bucket {
  sent: number;
  errors: number;
  readonly times: number[];
}

/** Counts the messages and acks of a run. All times are milliseconds since its start. */
export class BenchCounters {
  sent = 0;
  acked = 0;
  failed = 0;
  private readonly seconds: Bucket[] = [];
  private readonly errors = new Map<string, number>();
  private lastAck = 0;
  private maxLateness = 0;

  /** Counts a message that was due at `due` and sent at `now`. */
  send(now: number, due: number): void {
    this.sent++;
    this.bucket(now).sent++;
    this.maxLateness = Math.max(this.maxLateness, now - due);
  }

  /** Counts the ack, at `now`, of a message that was due at `due`. */
  ack(now: number, due: number): void {
    this.acked++;
    this.lastAck = Math.max(this.lastAck, now);
    this.bucket(now).times.push(now - due);
  }

  /** Counts `count` messages that were not acked, for the reason `code`. */
  fail(now: number, code: string, count = 1): void {
    if (count === 0) return;
    this.failed += count;
    this.bucket(now).errors += count;
    this.errors.set(code, (this.errors.get(code) ?? 0) + count);
  }

  /** Returns all seconds of the run, including those without messages. */
  bySecond(): readonly SecondStats[] {
    return Array.from(this.seconds, ({ sent, errors, times }, second) => ({
      second,
      sent,
      acked: times.length,
      errors,
      times: distribution(times),
    }));
  }

  totals(): Totals {
    const seconds = this.lastAck / 1000;
    return {
      sent: this.sent,
      acked: this.acked,
      errors: Object.fromEntries([...this.errors].sort(([, a], [, b]) => b - a)),
      seconds,
      throughput: seconds === 0 ? 0 : this.acked / seconds,
      times: distribution(this.seconds.flatMap(({ times }) => times)),
      latest: this.maxLateness,
    };
  }

  private bucket(now: number): Bucket {
    const second = Math.floor(now / 1000);
    while (this.seconds.length <= second) this.seconds.push({ sent: 0, errors: 0, times: [] });
    return this.seconds[second]!;
  }
}
