// The port for tickets. The limits are in core/access/tickets.ts; `test/contracts/tickets.ts` is the contract.

/** The scope of a ticket. */
export interface TicketScope {
  readonly user: string;
  /** Undefined for the socket of a user. */
  readonly conversation: string | undefined;
}

/** `Holder` is the credential with which the ticket was obtained. It MUST be equal after encoding and parsing as JSON. */
export interface TicketStore<Holder> {
  /** Stores `ticket`, which MUST be new and impossible to guess. Returns false when there are too many tickets. */
  issue(ticket: string, scope: TicketScope, holder: Holder): Promise<boolean>;
  /** Removes a ticket, issued by any node, and returns its holder if the ticket is valid for `scope`. */
  redeem(ticket: string, scope: TicketScope): Promise<Holder | undefined>;
}
