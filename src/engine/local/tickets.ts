import { type TicketScope, type TicketStore, TicketTable } from "../../core/access/tickets.ts";
import type { Clock } from "../../core/ports/clock.ts";

/** The ticket port for one node: in its memory, since no ticket outlives half a minute. */
export class LocalTickets<Holder> implements TicketStore<Holder> {
  private readonly tickets = new TicketTable<Holder>();

  constructor(private readonly clock: Clock) {}

  async issue(ticket: string, place: TicketScope, holder: Holder): Promise<boolean> {
    return this.tickets.issue(ticket, place, holder, this.clock.now());
  }

  async redeem(ticket: string, place: TicketScope): Promise<Holder | undefined> {
    return this.tickets.redeem(ticket, place, this.clock.now());
  }
}
