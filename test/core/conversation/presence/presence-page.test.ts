import { expect, test } from "bun:test";
import {
  decodePresenceCursor,
  encodePresenceCursor,
  type PresencePlace,
  pageOfUsers,
} from "../../../../src/core/conversation/presence/presence-page.ts";
import { Random, seeds } from "../../../support/random.ts";

test.each(seeds(1, 2))("LR1 seed %d: pages hold every user once, in the order of their joins", (seed) => {
  const random = new Random(seed);
  for (let round = 0; round < 200; round++) {
    const users: PresencePlace[] = Array.from({ length: random.between(0, 60) }, (_, i) => ({
      user: `user-${(i * 37) % 101}`,
      since: random.between(0, 20),
    }));
    const limit = random.between(1, 20);
    const read: PresencePlace[] = [];
    let after: PresencePlace | undefined;
    for (;;) {
      const { page, more } = pageOfUsers(users, limit, after);
      read.push(...page);
      expect(page.length).toBe(more ? limit : Math.min(limit, page.length));
      if (!more) break;
      after = decodePresenceCursor(encodePresenceCursor(page.at(-1)!));
    }
    const expected = users.toSorted((a, b) => a.since - b.since || (a.user < b.user ? -1 : 1));
    expect(read).toEqual(expected);
  }
});

test("LR1 a cursor that is none is recognized", () => {
  const place = { since: 1_795_437_965_654, user: "anna@example.com" };
  expect(decodePresenceCursor(encodePresenceCursor(place))).toEqual(place);
  for (const wrong of ["", "x", "MTIz", encodePresenceCursor({ since: -1, user: "anna" })])
    expect(decodePresenceCursor(wrong)).toBeUndefined();
});
