import { expect, test } from "bun:test";
import { MAX_LISTED } from "../../../../src/core/conversation/presence/announcing.ts";
import { PresentUsers } from "../../../../src/core/conversation/presence/present-users.ts";
import { Random, seeds } from "../../../support/random.ts";

/** The users present on this node, as joined, and on others. */
function withUsers(here: Readonly<Record<string, number>>, elsewhere: Readonly<Record<string, number>> = {}) {
  const users = new PresentUsers(5_000);
  users.connect(new Map(Object.entries(elsewhere)));
  for (const [user, since] of Object.entries(here))
    if (users.join(user, since, 0) && !users.isRemote(user)) users.recordChange(user, "joined", since);
  return users;
}

test("P1 users present on all nodes are listed once, with their first join, in the order of joining", () => {
  const users = withUsers({ anna: 10, ben: 20 }, { ben: 5, cleo: 15 });
  expect(users.count).toBe(3);
  expect(users.list(0, "anna")).toEqual([
    { user: "ben", since: 5 },
    { user: "anna", since: 10 },
    { user: "cleo", since: 15 },
  ]);
});

test("LR1 a list holds a hundred users, of which the one who joins is one", () => {
  const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`user-${i}`, i]));
  for (const users of [withUsers(many), withUsers({}, many)]) {
    expect(users.count).toBe(150);
    users.join("anna", 1_000, 7);
    users.recordChange("anna", "joined", 1_000);
    const list = users.list(0, "anna");
    expect(list).toHaveLength(MAX_LISTED);
    expect(list.at(-1)).toEqual({ user: "anna", since: 1_000, read: 7 });
    expect(list.slice(0, 99)).toEqual(
      Array.from({ length: 99 }, (_, i) => ({ user: `user-${i}`, since: i })),
    );
  }
});

test("P4 read marks move forward only, and are shown for users of this and of other nodes", () => {
  const users = withUsers({ anna: 10 }, { ben: 5, cleo: 15 });
  expect(users.withoutReadMark()).toEqual(["ben", "cleo"]);
  users.learnReadMark("ben", 3);
  users.learnReadMark("cleo", 0);
  users.learnReadMark("absent", 9);
  expect(users.withoutReadMark()).toEqual([]);
  expect([4, 4, 2].map((seq) => users.setReadMark("anna", seq))).toEqual([true, false, false]);
  expect([3, 5, 4].map((seq) => users.setReadMark("ben", seq))).toEqual([false, true, false]);
  // The store was read before the mark moved.
  users.learnReadMark("ben", 4);
  expect(users.list(0)).toEqual([
    { user: "ben", since: 5, read: 5 },
    { user: "anna", since: 10, read: 4 },
    { user: "cleo", since: 15 },
  ]);
  users.join("ben", 30, 4);
  expect(users.list(0)[0]).toEqual({ user: "ben", since: 5, read: 5 });
  users.clearReadMarks();
  expect(users.list(0).map(({ read }) => read)).toEqual([undefined, undefined, undefined]);
});

test.each(seeds(1, 2))(
  "P1 LR1 seed %d: the number of users is right after any joins and leaves on any nodes",
  (seed) => {
    const random = new Random(seed);
    const users = new PresentUsers(50);
    const elsewhere = new Map<string, number>();
    users.connect(elsewhere);
    const here = new Map<string, number>();
    for (let now = 0; now < 4_000; now++) {
      const user = `user-${random.between(0, 150)}`;
      const held = here.get(user) ?? 0;
      const drift = 0.5 + 0.3 * Math.sin(now / 300);
      if (random.next() < 0.5) {
        const joins = random.next() < drift;
        if (joins === elsewhere.has(user)) continue;
        if (joins) elsewhere.set(user, now);
        else elsewhere.delete(user);
        if (!users.local.has(user)) users.recordChange(user, joins ? "joined" : "left", now);
      } else if (random.next() < drift) {
        here.set(user, held + 1);
        if (users.join(user, now, 0) && !users.isRemote(user)) users.recordChange(user, "joined", now);
      } else if (held > 0) {
        here.set(user, held - 1);
        users.local.leave(user, now, random.next() < 0.2);
      }
      for (const { user } of users.local.takeExpired(now))
        if (!users.isRemote(user)) users.recordChange(user, "left", now);
      users.takeCount(now);
      const all = Array.from(users.all(0), ({ user }) => user);
      expect(new Set(all).size).toBe(all.length);
      expect(users.count).toBe(all.length);
      expect(users.list(0)).toHaveLength(Math.min(all.length, MAX_LISTED));
      for (const [user, connections] of here) if (connections > 0) expect(users.local.has(user)).toBe(true);
    }
  },
);
