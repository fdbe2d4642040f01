import type { Clock } from "../../core/ports/clock.ts";

/** What can be put on the wheel. It keeps its own place there, so that an idle connection costs no entry of its own. */
export interface TimerEntry {
  /** The wheel's: the slot this is in, or −1. */
  wheelSlot: number;
  /** Called when its time has come; it puts itself on the wheel again if it wants to be called again. */
  onDue(now: number): void;
}

const SLOT_MS = 100;
const SLOT_COUNT = 1024;

/**
 * One coarse timing wheel (Varghese and Lauck 1987, scheme 6) instead of a timer for each connection.
 *
 * It is exact to 100 ms, late and never early. What lies more than a turn of the wheel (102 s) ahead is called once a
 * turn and puts itself back.
 */
export class TimingWheel<T extends TimerEntry> {
  private readonly slots: Set<T>[] = Array.from({ length: SLOT_COUNT }, () => new Set());
  private reached: number;
  private readonly stopTicking: () => void;

  /** `failed` is told when something threw as it was called; the others are called all the same. */
  constructor(
    private readonly clock: Clock,
    private readonly failed: (timed: T, error: unknown) => void,
  ) {
    this.reached = Math.floor(clock.now() / SLOT_MS);
    this.stopTicking = clock.every(SLOT_MS, () => this.advance());
  }

  /** Puts `timed` where it is called at `time` (milliseconds) or a little later. Moves it if it is on the wheel. */
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
    // After a long pause of the process each slot needs to be visited once, not once for every turn it missed.
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
