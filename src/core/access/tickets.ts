// Tickets: what a page puts into a socket's address in the place of its token, which would stay in histories and logs.
// A ticket opens one conversation, for one user, once, within half a minute; who has seen it later has seen nothing.

/** Life of a ticket, in milliseconds. */
export const TICKET_LIFETIME_MS = 30_000;

/** Tickets of one user that wait to be used; the oldest makes room. */
export const MAX_TICKETS_PER_USER = 20;

/** Tickets that wait to be used in all; more are not given out. The default of MAX_CONNECTIONS is smaller. */
export const MAX_TICKETS = 20_000;

/** Where a ticket leads. */
export interface TicketScope {
  readonly user: string;
  readonly conversation: string;
}

/** The port for tickets. `Holder` is what its bearer showed to get it; it must survive JSON. */
export interface TicketStore<Holder> {
  /** Gives out `ticket`, which MUST be new and cannot be guessed; answers false when there are too many. */
  issue(ticket: string, place: TicketScope, holder: Holder): Promise<boolean>;
  /** Uses a ticket up, on whichever node, and answers its holder if it is good for `place`. */
  redeem(ticket: string, place: TicketScope): Promise<Holder | undefined>;
}

interface Entry<Holder> extends TicketScope {
  readonly holder: Holder;
  readonly expiresAt: number;
}

/** The tickets of one node. `Holder` is what its bearer showed to get it. Times are milliseconds and MUST NOT run backwards. */
export class TicketTable<Holder> {
  /** In the order in which they were given out, which is the order in which they expire. */
  private readonly entries = new Map<string, Entry<Holder>>();
  private readonly byUser = new Map<string, string[]>();
  private readonly capacity: number;

  constructor(capacity = MAX_TICKETS) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.entries.size;
  }

  /** Gives out `ticket`, which MUST be new and cannot be guessed; answers false when there are too many. */
  issue(ticket: string, place: TicketScope, holder: Holder, now: number): boolean {
    this.sweep(now);
    const { user, conversation } = place;
    const own = this.byUser.get(user) ?? [];
    if (own.length >= MAX_TICKETS_PER_USER) this.drop(own[0]!);
    else if (this.entries.size >= this.capacity) return false;
    this.entries.set(ticket, { user, conversation, holder, expiresAt: now + TICKET_LIFETIME_MS });
    this.byUser.set(user, [...(this.byUser.get(user) ?? []), ticket]);
    return true;
  }

  /** Uses a ticket up, and answers its holder if it is good for `place`. One that was tried elsewhere is used up, too. */
  redeem(ticket: string, place: TicketScope, now: number): Holder | undefined {
    this.sweep(now);
    const entry = this.entries.get(ticket);
    if (entry === undefined) return undefined;
    this.drop(ticket);
    return entry.user === place.user && entry.conversation === place.conversation ? entry.holder : undefined;
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
