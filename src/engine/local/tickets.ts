import type { Clock } from "../../core/clock.ts";
import { type TicketPlace, type TicketStore, Tickets } from "../../core/tickets.ts";

/** The ticket port for one node: in its memory, since no ticket outlives half a minute. */
export class LocalTickets<Holder> implements TicketStore<Holder> {
  private readonly tickets = new Tickets<Holder>();

  constructor(private readonly clock: Clock) {}

  async give(ticket: string, place: TicketPlace, holder: Holder): Promise<boolean> {
    return this.tickets.give(ticket, place, holder, this.clock.now());
  }

  async take(ticket: string, place: TicketPlace): Promise<Holder | undefined> {
    return this.tickets.take(ticket, place, this.clock.now());
  }
}
