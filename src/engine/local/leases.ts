import { Counts } from "../../core/counts.ts";
import { type ConnectionLeases, mayTake } from "../../core/leases.ts";

/** The lease port for one node: a count of each user's connections in its memory. */
export class LocalLeases implements ConnectionLeases {
  private readonly held = new Counts();

  async take(user: string, limit: number): Promise<boolean> {
    if (!mayTake(this.held.of(user), limit)) return false;
    this.held.add(user);
    return true;
  }

  giveBack(user: string): void {
    this.held.drop(user);
  }
}
