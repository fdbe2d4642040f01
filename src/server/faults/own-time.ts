import type { Clock } from "../../core/clock.ts";
import type { ConnectionHost } from "../socket/connection-host.ts";

type OneWheel = ConnectionHost["wheel"];
type Timed = Parameters<OneWheel["put"]>[0];

/** The clock and the place on the wheel of one connection, which can be moved forward and stopped apart from all others. */
export class OwnTime implements Clock, OneWheel {
  private stopped = false;
  /** Where the connection wants to be called, on its own clock. */
  private waiting: { readonly timed: Timed; readonly time: number } | undefined;
  /** How far it is ahead of the server's, in milliseconds. */
  ahead = 0;

  constructor(
    private readonly clock: Clock,
    private readonly wheel: OneWheel,
  ) {}

  now(): number {
    return this.clock.now() + this.ahead;
  }

  wall(): number {
    return this.clock.wall() + this.ahead;
  }

  latest(): number {
    return this.clock.latest() + this.ahead;
  }

  every(milliseconds: number, task: () => void): () => void {
    return this.clock.every(milliseconds, task);
  }

  put(timed: Timed, time: number): void {
    this.waiting = { timed, time };
    if (!this.stopped) this.wheel.put(timed, time - this.ahead);
  }

  take(timed: Timed): void {
    this.waiting = undefined;
    this.wheel.take(timed);
  }

  /** Moves the clock forward to `moment`; never back. */
  moveTo(moment: number): void {
    this.ahead += Math.max(0, moment - this.now());
  }

  /** Calls the connection no more until `start`. Its clock goes on. */
  stop(): void {
    this.stopped = true;
    if (this.waiting !== undefined) this.wheel.take(this.waiting.timed);
  }

  /** Calls the connection again; what has become due meanwhile at the wheel's next turn. */
  start(): void {
    this.stopped = false;
    if (this.waiting !== undefined) this.put(this.waiting.timed, this.waiting.time);
  }
}
