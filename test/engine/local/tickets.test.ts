import { LocalTickets } from "../../../src/engine/local/tickets.ts";
import { ticketContract } from "../../contracts/tickets.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

ticketContract("one node", async () => {
  const clock = new ManualClock();
  return {
    tickets: new LocalTickets(clock),
    pass: async (milliseconds) => clock.advance(milliseconds),
    async [Symbol.asyncDispose]() {},
  };
});
