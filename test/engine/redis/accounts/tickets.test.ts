import { describe, expect, test } from "bun:test";
import { TICKET_LIFETIME_MS } from "../../../../src/core/access/tickets.ts";
import { RedisTickets } from "../../../../src/engine/redis/accounts/tickets.ts";
import { ticketContract } from "../../../contracts/tickets.ts";
import { age, freshPrefix, KINDS_OF_COMMON_CODE, keysUnder, useRealRedis } from "../support/real-redis.ts";

const LOBBY = { user: "ann", conversation: "lobby" };

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);

  ticketContract(`redis, ${kind}`, async () => {
    const client = await redis.connect(freshPrefix());
    return {
      tickets: new RedisTickets(client),
      pass: (milliseconds) => age(client, milliseconds),
      [Symbol.asyncDispose]: () => client.close(),
    };
  });

  describe(`tickets on Redis, ${kind}`, () => {
    test("A7 a ticket from one node is accepted by another node, once", async () => {
      const prefix = freshPrefix();
      const [here, there] = await Promise.all([redis.connect(prefix), redis.connect(prefix)]);
      await new RedisTickets<string>(here).issue("t", LOBBY, "holder");
      expect(await new RedisTickets<string>(there).redeem("t", LOBBY)).toBe("holder");
      expect(await new RedisTickets<string>(here).redeem("t", LOBBY)).toBeUndefined();
      for (const client of [here, there]) await client.close();
    });

    test("A4 B1 no key and no value in Redis contains a ticket, and tickets expire", async () => {
      const client = await redis.connect(freshPrefix());
      await new RedisTickets<string>(client).issue("a-secret", LOBBY, "holder");
      const names = await keysUnder(client);
      expect(names).toHaveLength(2);
      const index = client.keys.userKey(LOBBY.user, "tickets");
      const [ticket] = names.filter((name) => name !== index);
      const texts = [await client.commands.get(ticket!), await client.commands.zrange(index, 0, "-1")];
      expect(`${names} ${texts}`).not.toContain("a-secret");
      await age(client, TICKET_LIFETIME_MS);
      expect(await keysUnder(client)).toEqual([]);
      await client.close();
    });
  });
}
