import type { Clock } from "../../core/ports/clock.ts";
import type { TicketScope, TicketStore } from "../../core/ports/tickets.ts";
import { TicketTable } from "./ticket-table.ts";

/** The ticket port for one node. Tickets are in memory: they expire after 30 seconds, so losing them at a restart is harmless. */
export class LocalTickets<Holder> implements TicketStore<Holder> {
  private readonly tickets = new TicketTable<Holder>();

  constructor(private readonly clock: Clock) {}

  async issue(ticket: string, scope: TicketScope, holder: Holder): Promise<boolean> {
    return this.tickets.issue(ticket, scope, holder, this.clock.now());
  }

  async redeem(ticket: string, scope: TicketScope): Promise<Holder | undefined> {
    return this.tickets.redeem(ticket, scope, this.clock.now());
  }
}
