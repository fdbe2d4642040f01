import { Counter } from "../../core/collections/counter.ts";
import { canAcquire, replaces } from "../../core/lease-rules.ts";
import type { AcquireResult, ConnectionLeases, NamedConnection } from "../../core/ports/leases.ts";

/** The lease port for one node. Counts each user's connections in memory, and remembers those that name their client. */
export class LocalLeases implements ConnectionLeases {
  private readonly counts = new Counter();
  private readonly clients = new Map<string, NamedConnection>();

  async acquire(user: string, limit: number, client?: NamedConnection): Promise<AcquireResult> {
    const holder = client && this.clients.get(keyOf(user, client));
    if (holder !== undefined && client !== undefined) {
      if (!replaces(client.ageMs(), holder.ageMs())) return "replaced";
      this.clients.set(keyOf(user, client), client);
      holder.onReplaced();
      return "taken";
    }
    if (!canAcquire(this.counts.of(user), limit)) return "full";
    this.counts.add(user);
    if (client !== undefined) this.clients.set(keyOf(user, client), client);
    return "taken";
  }

  async held(user: string): Promise<number> {
    return this.counts.of(user);
  }

  release(user: string, client?: NamedConnection): void {
    if (client !== undefined) {
      const key = keyOf(user, client);
      if (this.clients.get(key) !== client) return;
      this.clients.delete(key);
    }
    this.counts.remove(user);
  }
}

/** User names contain no `/`, so two pairs never share a key. */
function keyOf(user: string, { slot }: NamedConnection): string {
  return `${user}/${slot}`;
}
