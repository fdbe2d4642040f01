import { expect, test } from "bun:test";
import { Roster } from "../../src/core/presence.ts";
import { Random, seeds } from "../support/random.ts";

test("P1 a user joins with the first connection and leaves with the last", () => {
  const roster = new Roster();
  expect(roster.join("anna", 1)).toBe(true);
  expect(roster.join("anna", 2)).toBe(false);
  expect(roster.join("ben", 3)).toBe(true);
  expect(roster.leave("anna")).toBe(false);
  expect(roster.leave("anna")).toBe(true);
  expect(roster.list()).toEqual([{ user: "ben", since: 3 }]);
});

test("P1 members are listed in the order in which they came, since their first connection, in whole milliseconds", () => {
  const roster = new Roster();
  roster.join("zoe", 1.75);
  roster.join("anna", 2);
  roster.join("zoe", 5);
  expect(roster.list()).toEqual([
    { user: "zoe", since: 1 },
    { user: "anna", since: 2 },
  ]);
  roster.leave("zoe");
  roster.leave("zoe");
  roster.join("zoe", 9);
  expect(roster.list().map(({ user, since }) => `${user} ${since}`)).toEqual(["anna 2", "zoe 9"]);
});

test("P1 leaving without having joined is nothing, also for names that objects have", () => {
  const roster = new Roster();
  for (const user of ["anna", "__proto__", "constructor"]) expect(roster.leave(user)).toBe(false);
  expect(roster.join("__proto__", 1)).toBe(true);
  expect(roster.list()).toEqual([{ user: "__proto__", since: 1 }]);
});

for (const seed of seeds(1, 2)) {
  test(`P1 told changes add up to who is there (seed ${seed})`, () => {
    const random = new Random(seed);
    const roster = new Roster();
    const connections: string[] = [];
    const told = new Set<string>();
    for (let step = 0; step < 2_000; step++) {
      if (random.next() < 0.5 || connections.length === 0) {
        const user = `user${random.between(1, 5)}`;
        if (roster.join(user, step)) {
          expect(told.has(user)).toBe(false);
          told.add(user);
        }
        connections.push(user);
      } else {
        const [user] = connections.splice(random.between(0, connections.length - 1), 1);
        if (roster.leave(user!)) expect(told.delete(user!)).toBe(true);
      }
      const listed = roster.list().map(({ user }) => user);
      expect(listed.sort()).toEqual([...told].sort());
      expect([...told].sort()).toEqual([...new Set(connections)].sort());
    }
  });
}
