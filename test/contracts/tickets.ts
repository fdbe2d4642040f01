// The ticket port (src/core/ports/tickets.ts) in executable form. An adapter's own test file opens it and calls this.
import { describe, expect, test } from "bun:test";
import { MAX_TICKETS_PER_USER, TICKET_LIFETIME_MS } from "../../src/core/access/tickets.ts";
import type { TicketStore } from "../../src/core/ports/tickets.ts";

/** A ticket store on data of its own, made for one test. */
export interface OpenedTickets extends AsyncDisposable {
  readonly tickets: TicketStore<Holder>;
  /** Lets time pass for the store. */
  pass(milliseconds: number): Promise<void>;
}

/** Must be returned as it was given: like a token's contents. */
interface Holder {
  readonly id: string;
  readonly grants?: { readonly conversations: readonly string[] };
}

const LOBBY = { user: "ann", conversation: "lobby" };
const HOLDER: Holder = { id: "jti", grants: { conversations: ["lobby", "team-*"] } };

/** Every MUST of the ticket port. */
export function ticketContract(name: string, open: () => Promise<OpenedTickets>): void {
  describe(`ticket contract: ${name}`, () => {
    test("A7 W3 a ticket is accepted once, for its user and its conversation", async () => {
      await using opened = await open();
      expect(await opened.tickets.issue("t", LOBBY, HOLDER)).toBe(true);
      expect(await opened.tickets.redeem("T", LOBBY)).toBeUndefined();
      expect(await opened.tickets.redeem("t", LOBBY)).toEqual(HOLDER);
      expect(await opened.tickets.redeem("t", LOBBY)).toBeUndefined();
    });

    test("A7 of many that present the same ticket at once, one is accepted", async () => {
      await using opened = await open();
      await opened.tickets.issue("t", LOBBY, HOLDER);
      const taken = await Promise.all(Array.from({ length: 20 }, () => opened.tickets.redeem("t", LOBBY)));
      expect(taken.filter((holder) => holder !== undefined)).toHaveLength(1);
    });

    test.each([
      { user: "ben", conversation: "lobby" },
      { user: "ann", conversation: "other" },
    ])("W3 a ticket that is tried for %o is refused, and used up", async (place) => {
      await using opened = await open();
      await opened.tickets.issue("t", LOBBY, HOLDER);
      expect(await opened.tickets.redeem("t", place)).toBeUndefined();
      expect(await opened.tickets.redeem("t", LOBBY)).toBeUndefined();
    });

    test("A7 W3 a ticket is valid for half a minute", async () => {
      await using opened = await open();
      await opened.tickets.issue("a", LOBBY, HOLDER);
      await opened.tickets.issue("b", LOBBY, HOLDER);
      // A store with its own clock continues meanwhile.
      await opened.pass(TICKET_LIFETIME_MS - 10_000);
      expect(await opened.tickets.redeem("a", LOBBY)).toEqual(HOLDER);
      await opened.pass(10_000);
      expect(await opened.tickets.redeem("b", LOBBY)).toBeUndefined();
    });

    test("B1 a user's tickets replace that user's oldest, and no other user's", async () => {
      await using opened = await open();
      const { tickets } = opened;
      const ben = { user: "ben", conversation: "lobby" };
      await tickets.issue("ben", ben, HOLDER);
      for (let k = 0; k <= MAX_TICKETS_PER_USER; k++) await tickets.issue(`t${k}`, LOBBY, HOLDER);
      expect(await tickets.redeem("t0", LOBBY)).toBeUndefined();
      expect(await tickets.redeem("t1", LOBBY)).toEqual(HOLDER);
      expect(await tickets.redeem("ben", ben)).toEqual(HOLDER);
    });

    test("B1 a used ticket makes room: it replaces no unused one", async () => {
      await using opened = await open();
      const { tickets } = opened;
      await tickets.issue("waiting", LOBBY, HOLDER);
      for (let k = 0; k < 2 * MAX_TICKETS_PER_USER; k++) {
        await tickets.issue(`t${k}`, LOBBY, HOLDER);
        expect(await tickets.redeem(`t${k}`, LOBBY)).toEqual(HOLDER);
      }
      expect(await tickets.redeem("waiting", LOBBY)).toEqual(HOLDER);
    });
  });
}
