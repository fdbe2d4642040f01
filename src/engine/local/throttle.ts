import type { Clock } from "../../core/ports/clock.ts";
import type { ThrottleDecision, ThrottleLimits, ThrottleStore } from "../../core/ports/throttle.ts";
import { boundedName } from "../bounded-name.ts";
import { SignInThrottle } from "./sign-in-throttle.ts";

/** The throttle port for one node. Its state is in memory. */
export class LocalThrottle implements ThrottleStore {
  private readonly throttle: SignInThrottle;

  constructor(
    limits: ThrottleLimits,
    private readonly clock: Clock,
  ) {
    this.throttle = new SignInThrottle(limits);
  }

  async attempt(account: string, address: string): Promise<ThrottleDecision> {
    return this.throttle.attempt(boundedName(account), address, this.clock.now());
  }

  async succeeded(account: string, address: string): Promise<void> {
    this.throttle.succeeded(boundedName(account), address);
  }

  async failed(account: string, address: string): Promise<void> {
    this.throttle.failed(boundedName(account), address, this.clock.now());
  }

  async cancelled(account: string, address: string): Promise<void> {
    this.throttle.cancelled(boundedName(account), address);
  }
}
