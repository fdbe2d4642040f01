// A ticket replaces the token in a socket's address, since addresses are kept in browser histories and logs. A ticket opens
// one conversation for one user, or the socket of a user, once, within half a minute. So an attacker cannot use a ticket from a log.

/** Lifetime of a ticket, in milliseconds. */
export const TICKET_LIFETIME_MS = 30_000;

/** The most unused tickets of one user. A further one removes the oldest. */
export const MAX_TICKETS_PER_USER = 20;

/** The most unused tickets of all users; beyond that none is issued. The default of MAX_CONNECTIONS is smaller. */
export const MAX_TICKETS = 20_000;
