import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";

/** The interval at which changes by other processes are looked for, in milliseconds. The ports promise a second. */
const POLL_INTERVAL_MS = 500;

/** Notifies of changes of a table, which the command line may change while a server runs. */
export class TableWatch {
  private readonly listeners = new Set<() => unknown>();
  /** The state of the table of which the listeners were notified; undefined when one of them has to be called again. */
  private notified: string | undefined;
  /** Whether the last poll failed. */
  private hasFailed = false;
  private stopPolling: (() => void) | undefined;

  /** `readState` returns a text that differs after each change of the table. */
  constructor(
    private readonly readState: () => string,
    private readonly clock: Clock,
    private readonly emit: Emit,
  ) {}

  /** Calls `listener` after each change; when it rejects, it is called again. Returns a function that stops it. */
  add(listener: () => unknown): () => void {
    if (this.listeners.size === 0) {
      this.notified = this.readState();
      this.stopPolling = this.clock.every(POLL_INTERVAL_MS, () => void this.poll());
    }
    this.listeners.add(listener);
    return () => {
      if (this.listeners.delete(listener) && this.listeners.size === 0) this.stopPolling?.();
    };
  }

  /** Notifies the listeners if the table has changed. Never rejects: what fails is tried again at the next poll. */
  async poll(): Promise<void> {
    if (this.listeners.size === 0) return;
    try {
      const state = this.readState();
      if (state === this.notified) return;
      this.notified = state;
      await Promise.all([...this.listeners].map((listener) => Promise.try(listener)));
      this.hasFailed = false;
    } catch (error) {
      this.notified = undefined;
      // Logged once, because it is tried again twice a second.
      if (!this.hasFailed) this.emit("store.read_failed", { error: String(error) });
      this.hasFailed = true;
    }
  }
}
