import { describe, expect, test } from "bun:test";
import { MAX_TICKETS_PER_USER, TICKET_LIFETIME_MS } from "../../../src/core/access/tickets.ts";
import { TicketTable } from "../../../src/engine/local/ticket-table.ts";

const LOBBY = { user: "ann", conversation: "lobby" };

describe("A7 W3 tickets", () => {
  test("A7 W3 a ticket is accepted once, for its user and its conversation", () => {
    const tickets = new TicketTable<string>();
    tickets.issue("t", LOBBY, "holder", 0);
    expect(tickets.redeem("t", LOBBY, 1)).toBe("holder");
    expect(tickets.redeem("t", LOBBY, 1)).toBeUndefined();
  });

  test.each([
    { user: "ben", conversation: "lobby" },
    { user: "ann", conversation: "other" },
  ])("W3 a ticket that is tried for %o is refused, and used up", (place) => {
    const tickets = new TicketTable<string>();
    tickets.issue("t", LOBBY, "holder", 0);
    expect(tickets.redeem("t", place, 1)).toBeUndefined();
    expect(tickets.redeem("t", LOBBY, 1)).toBeUndefined();
  });

  test("A7 W3 a ticket is valid for half a minute, and expired ones use no room", () => {
    const tickets = new TicketTable<string>();
    tickets.issue("a", LOBBY, "holder", 0);
    tickets.issue("b", LOBBY, "holder", 1);
    expect(tickets.redeem("a", LOBBY, TICKET_LIFETIME_MS)).toBeUndefined();
    expect(tickets.size).toBe(1);
    expect(tickets.redeem("b", LOBBY, TICKET_LIFETIME_MS)).toBe("holder");
    expect(tickets.size).toBe(0);
  });

  test("B1 a user's tickets replace that user's oldest, and no other user's", () => {
    const tickets = new TicketTable<string>();
    tickets.issue("ben", { user: "ben", conversation: "lobby" }, "ben", 0);
    for (let k = 0; k <= MAX_TICKETS_PER_USER; k++) tickets.issue(`t${k}`, LOBBY, "ann", 0);
    expect(tickets.size).toBe(MAX_TICKETS_PER_USER + 1);
    expect(tickets.redeem("t0", LOBBY, 1)).toBeUndefined();
    expect(tickets.redeem("t1", LOBBY, 1)).toBe("ann");
    expect(tickets.redeem("ben", { user: "ben", conversation: "lobby" }, 1)).toBe("ben");
  });

  test("B1 when all tickets are taken no more are issued, until some were used or have expired", () => {
    const tickets = new TicketTable<string>(2);
    const of = (user: string) => ({ user, conversation: "lobby" });
    expect(tickets.issue("a", of("a"), "", 0)).toBe(true);
    expect(tickets.issue("b", of("b"), "", 0)).toBe(true);
    expect(tickets.issue("c", of("c"), "", 0)).toBe(false);
    tickets.redeem("a", of("a"), 1);
    expect(tickets.issue("c", of("c"), "", 1)).toBe(true);
    expect(tickets.issue("d", of("d"), "", 1)).toBe(false);
    expect(tickets.issue("d", of("d"), "", TICKET_LIFETIME_MS + 1)).toBe(true);
  });
});
