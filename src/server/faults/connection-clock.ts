import type { Clock } from "../../core/ports/clock.ts";
import type { Connection } from "../socket/connection.ts";
import type { ConnectionDeps } from "../socket/connection-deps.ts";

type WheelPort = ConnectionDeps<Connection>["timingWheel"];
type Timed = Parameters<WheelPort["schedule"]>[0];

/** The clock and timer of one connection. They can be moved forward and stopped without affecting other connections. */
export class ConnectionClock implements Clock, WheelPort {
  private stopped = false;
  /** When the connection is to be called, by its own clock. */
  private waiting: { readonly timed: Timed; readonly time: number } | undefined;
  /** How far its clock is ahead of the server's, in milliseconds. */
  aheadMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly wheel: WheelPort,
  ) {}

  now(): number {
    return this.clock.now() + this.aheadMs;
  }

  /** Exact, because the clock may be moved within a turn. */
  turn(): number {
    return this.now();
  }

  wall(): number {
    return this.clock.wall() + this.aheadMs;
  }

  latest(): number {
    return this.clock.latest() + this.aheadMs;
  }

  every(milliseconds: number, task: () => void): () => void {
    return this.clock.every(milliseconds, task);
  }

  schedule(timed: Timed, time: number): void {
    this.waiting = { timed, time };
    if (!this.stopped) this.wheel.schedule(timed, time - this.aheadMs);
  }

  cancel(timed: Timed): void {
    this.waiting = undefined;
    this.wheel.cancel(timed);
  }

  /** Moves the clock forward to `moment`; never back. */
  moveTo(moment: number): void {
    this.aheadMs += Math.max(0, moment - this.now());
  }

  /** Stops calling the connection until `start`. Its clock runs on. */
  stop(): void {
    this.stopped = true;
    if (this.waiting !== undefined) this.wheel.cancel(this.waiting.timed);
  }

  /** Calls the connection again. A call that became due meanwhile is made with the wheel's next tick. */
  start(): void {
    this.stopped = false;
    if (this.waiting !== undefined) this.schedule(this.waiting.timed, this.waiting.time);
  }
}
