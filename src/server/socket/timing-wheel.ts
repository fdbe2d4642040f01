import type { Clock } from "../../core/ports/clock.ts";

/** An object that can be put on the wheel. It stores its own slot, so that an idle connection needs no further object. */
export interface TimerEntry {
  /** The slot that this is in, or −1. Only the wheel writes it. */
  wheelSlot: number;
  /** Called when its time has come, and off the wheel by then. To be called again it must be scheduled again. */
  onDue(now: number): void;
}

const SLOT_MS = 100;
const SLOT_COUNT = 1024;

/**
 * One coarse timing wheel (Varghese and Lauck 1987, scheme 6) instead of a timer for each connection.
 *
 * It calls at most 100 ms late, and never early, except for times more than one turn of the wheel (102 s) ahead: such an
 * entry is called once a turn and must schedule itself again.
 */
export class TimingWheel<T extends TimerEntry> {
  private readonly slots: Set<T>[] = Array.from({ length: SLOT_COUNT }, () => new Set());
  private reached: number;
  private readonly stopTicking: () => void;

  /** `failed` is called with an entry whose `onDue` threw. The other entries are still called. */
  constructor(
    private readonly clock: Clock,
    private readonly failed: (timed: T, error: unknown) => void,
  ) {
    this.reached = Math.floor(clock.now() / SLOT_MS);
    this.stopTicking = clock.every(SLOT_MS, () => this.advance());
  }

  /** Schedules `timed` to be called at `time` (milliseconds) or a little later. Moves it if it is on the wheel already. */
  schedule(timed: T, time: number): void {
    const tick = Math.min(
      Math.max(Math.ceil(time / SLOT_MS), this.reached + 1),
      this.reached + SLOT_COUNT - 1,
    );
    const slot = tick % SLOT_COUNT;
    if (slot === timed.wheelSlot) return;
    this.cancel(timed);
    timed.wheelSlot = slot;
    this.slots[slot]!.add(timed);
  }

  /** Takes `timed` off the wheel. */
  cancel(timed: T): void {
    if (timed.wheelSlot >= 0) this.slots[timed.wheelSlot]!.delete(timed);
    timed.wheelSlot = -1;
  }

  stop(): void {
    this.stopTicking();
  }

  private advance(): void {
    const now = this.clock.now();
    const target = Math.floor(now / SLOT_MS);
    // After a long pause of the process each slot is visited once, not once for every missed turn.
    this.reached = Math.max(this.reached, target - SLOT_COUNT);
    while (this.reached < target) {
      const slot = ++this.reached % SLOT_COUNT;
      for (const timed of [...this.slots[slot]!]) {
        this.cancel(timed);
        try {
          timed.onDue(now);
        } catch (error) {
          this.failed(timed, error);
        }
      }
    }
  }
}
