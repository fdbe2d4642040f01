// The port for tickets. The limits are in core/access/tickets.ts; `test/contracts/tickets.ts` is the contract.

/** The scope of a ticket. */
export interface TicketScope {
  readonly user: string;
  readonly conversation: string;
}

/** `Holder` is the credential with which the ticket was obtained; it must survive JSON. */
export interface TicketStore<Holder> {
  /** Gives out `ticket`, which MUST be new and cannot be guessed; returns false when there are too many. */
  issue(ticket: string, scope: TicketScope, holder: Holder): Promise<boolean>;
  /** Uses a ticket up, on any node, and returns its holder if it is good for `scope`. */
  redeem(ticket: string, scope: TicketScope): Promise<Holder | undefined>;
}
