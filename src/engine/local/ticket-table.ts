import { MAX_TICKETS, MAX_TICKETS_PER_USER, TICKET_LIFETIME_MS } from "../../core/access/tickets.ts";
import type { TicketScope } from "../../core/ports/tickets.ts";

interface Entry<Holder> extends TicketScope {
  readonly holder: Holder;
  readonly expiresAt: number;
}

/**
 * The tickets of one node. `Holder` is the credential with which a ticket was obtained. Times are in milliseconds and
 * MUST NOT decrease from call to call.
 */
export class TicketTable<Holder> {
  /** In the order in which the tickets were issued, which is the order in which they expire. */
  private readonly entries = new Map<string, Entry<Holder>>();
  private readonly byUser = new Map<string, string[]>();
  private readonly capacity: number;

  constructor(capacity = MAX_TICKETS) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.entries.size;
  }

  /** Issues `ticket`, which MUST be new and impossible to guess. Returns false when there are too many tickets. */
  issue(ticket: string, scope: TicketScope, holder: Holder, now: number): boolean {
    this.sweep(now);
    const { user, conversation } = scope;
    const own = this.byUser.get(user) ?? [];
    if (own.length >= MAX_TICKETS_PER_USER) this.drop(own[0]!);
    else if (this.entries.size >= this.capacity) return false;
    this.entries.set(ticket, { user, conversation, holder, expiresAt: now + TICKET_LIFETIME_MS });
    this.byUser.set(user, [...(this.byUser.get(user) ?? []), ticket]);
    return true;
  }

  /**
   * Consumes a ticket, and returns its holder if the ticket is valid for `scope`. A ticket that is presented for another
   * scope is consumed, too.
   */
  redeem(ticket: string, scope: TicketScope, now: number): Holder | undefined {
    this.sweep(now);
    const entry = this.entries.get(ticket);
    if (entry === undefined) return undefined;
    this.drop(ticket);
    return entry.user === scope.user && entry.conversation === scope.conversation ? entry.holder : undefined;
  }

  private sweep(now: number): void {
    for (const [ticket, { expiresAt }] of this.entries) {
      if (expiresAt > now) return;
      this.drop(ticket);
    }
  }

  private drop(ticket: string): void {
    const entry = this.entries.get(ticket);
    if (entry === undefined) return;
    this.entries.delete(ticket);
    const others = (this.byUser.get(entry.user) ?? []).filter((other) => other !== ticket);
    if (others.length > 0) this.byUser.set(entry.user, others);
    else this.byUser.delete(entry.user);
  }
}
