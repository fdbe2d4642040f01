// Tickets replace the token in a socket's address, where a token would stay in histories and logs. A ticket opens one
// conversation, for one user, once, within half a minute; a ticket that is read later is worthless.

/** Lifetime of a ticket, in milliseconds. */
export const TICKET_LIFETIME_MS = 30_000;

/** Tickets of one user that wait to be used; the oldest makes room. */
export const MAX_TICKETS_PER_USER = 20;

/** Tickets that wait to be used in all; more are not given out. The default of MAX_CONNECTIONS is smaller. */
export const MAX_TICKETS = 20_000;
