import { type ConnectionLeases, mayTake } from "../../core/leases.ts";

/** The lease port for one node: a count of each user's connections in its memory. */
export class LocalLeases implements ConnectionLeases {
  private readonly held = new Map<string, number>();

  async take(user: string, limit: number): Promise<boolean> {
    const held = this.held.get(user) ?? 0;
    if (!mayTake(held, limit)) return false;
    this.held.set(user, held + 1);
    return true;
  }

  giveBack(user: string): void {
    const held = this.held.get(user) ?? 0;
    if (held > 1) this.held.set(user, held - 1);
    else this.held.delete(user);
  }
}
