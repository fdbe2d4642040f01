import { createHash } from "node:crypto";
import { MAX_TICKETS_PER_USER, TICKET_LIFETIME_MS } from "../../../core/access/tickets.ts";
import type { TicketScope, TicketStore } from "../../../core/ports/tickets.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";

const BOUNDED_SET_ADD = new Script("connection/bounded-set-add");

interface StoredTicket<Holder> extends TicketScope {
  readonly holder: Holder;
}

/**
 * The port for tickets on Redis. The number of tickets of a user and their lifetime are limited; the total grows with the users
 * that request one within 30 seconds. Only the SHA-256 of a ticket is stored.
 */
export class RedisTickets<Holder> implements TicketStore<Holder> {
  constructor(private readonly client: RedisClient) {}

  async issue(ticket: string, { user, conversation }: TicketScope, holder: Holder): Promise<boolean> {
    const { commands, keys } = this.client;
    const name = digestOf(ticket);
    const entry: StoredTicket<Holder> = { user, conversation, holder };
    await commands.set(keys.ticketKey(name), JSON.stringify(entry), "PX", TICKET_LIFETIME_MS);
    const arguments_ = [name, "", MAX_TICKETS_PER_USER, TICKET_LIFETIME_MS];
    const index = keys.userKey(user, "tickets");
    const evicted = (await this.client.run(BOUNDED_SET_ADD, [index], arguments_)) as string[];
    if (evicted.length === 0) return true;
    await Promise.all(evicted.map((other) => commands.del(keys.ticketKey(other))));
    await commands.zrem(index, ...evicted);
    return true;
  }

  async redeem(ticket: string, place: TicketScope): Promise<Holder | undefined> {
    const { commands, keys } = this.client;
    const name = digestOf(ticket);
    const text = await commands.getdel(keys.ticketKey(name));
    if (text === null) return undefined;
    const { user, conversation, holder } = JSON.parse(text) as StoredTicket<Holder>;
    // Makes room for another ticket. This one is used already.
    commands.zrem(keys.userKey(user, "tickets"), name).catch(() => {});
    return user === place.user && conversation === place.conversation ? holder : undefined;
  }
}

/** A ticket has 256 random bits, so it needs neither a salt nor a slow hash: guessing is hopeless. */
function digestOf(ticket: string): string {
  return createHash("sha256").update(ticket).digest("base64url");
}
