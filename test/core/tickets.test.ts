import { describe, expect, test } from "bun:test";
import { MAX_TICKETS_OF_USER, TICKET_LIFETIME, Tickets } from "../../src/core/tickets.ts";

const LOBBY = { user: "ann", conversation: "lobby" };

describe("A7 W3 tickets", () => {
  test("A7 W3 a ticket is good once, for its user and its conversation", () => {
    const tickets = new Tickets<string>();
    tickets.give("t", LOBBY, "holder", 0);
    expect(tickets.take("t", LOBBY, 1)).toBe("holder");
    expect(tickets.take("t", LOBBY, 1)).toBeUndefined();
  });

  test.each([
    { user: "ben", conversation: "lobby" },
    { user: "ann", conversation: "other" },
  ])("W3 a ticket that is tried for %o is refused, and used up", (place) => {
    const tickets = new Tickets<string>();
    tickets.give("t", LOBBY, "holder", 0);
    expect(tickets.take("t", place, 1)).toBeUndefined();
    expect(tickets.take("t", LOBBY, 1)).toBeUndefined();
  });

  test("A7 W3 a ticket lives for half a minute, and what has expired takes no room", () => {
    const tickets = new Tickets<string>();
    tickets.give("a", LOBBY, "holder", 0);
    tickets.give("b", LOBBY, "holder", 1);
    expect(tickets.take("a", LOBBY, TICKET_LIFETIME)).toBeUndefined();
    expect(tickets.size).toBe(1);
    expect(tickets.take("b", LOBBY, TICKET_LIFETIME)).toBe("holder");
    expect(tickets.size).toBe(0);
  });

  test("B1 one user's tickets push out that user's, and nobody else's", () => {
    const tickets = new Tickets<string>();
    tickets.give("ben", { user: "ben", conversation: "lobby" }, "ben", 0);
    for (let k = 0; k <= MAX_TICKETS_OF_USER; k++) tickets.give(`t${k}`, LOBBY, "ann", 0);
    expect(tickets.size).toBe(MAX_TICKETS_OF_USER + 1);
    expect(tickets.take("t0", LOBBY, 1)).toBeUndefined();
    expect(tickets.take("t1", LOBBY, 1)).toBe("ann");
    expect(tickets.take("ben", { user: "ben", conversation: "lobby" }, 1)).toBe("ben");
  });

  test("B1 when all places are taken no more are given out, until some were used or have expired", () => {
    const tickets = new Tickets<string>(2);
    const of = (user: string) => ({ user, conversation: "lobby" });
    expect(tickets.give("a", of("a"), "", 0)).toBe(true);
    expect(tickets.give("b", of("b"), "", 0)).toBe(true);
    expect(tickets.give("c", of("c"), "", 0)).toBe(false);
    tickets.take("a", of("a"), 1);
    expect(tickets.give("c", of("c"), "", 1)).toBe(true);
    expect(tickets.give("d", of("d"), "", 1)).toBe(false);
    expect(tickets.give("d", of("d"), "", TICKET_LIFETIME + 1)).toBe(true);
  });
});
