import { expect, test } from "bun:test";
import { Roster } from "../../../../src/core/conversation/presence/roster.ts";
import { Random, seeds } from "../../../support/random.ts";

const GRACE = 5_000;

const names = (roster: Roster) => Array.from(roster.users(), ({ user }) => user);

test("P1 a user joins with the first connection and leaves with the last, after the grace", () => {
  const roster = new Roster(GRACE);
  expect(roster.join("anna", 0)).toBe(true);
  expect(roster.join("anna", 1)).toBe(false);
  roster.leave("anna", 10);
  expect(roster.hasPending).toBe(false);
  roster.leave("anna", 20);
  expect(roster.hasPending).toBe(true);
  expect(roster.takeExpired(20 + GRACE - 1)).toEqual([]);
  expect(names(roster)).toEqual(["anna"]);
  expect(roster.takeExpired(20 + GRACE)).toEqual([{ user: "anna", at: 20 }]);
  expect(names(roster)).toEqual([]);
  expect(roster.hasPending).toBe(false);
});

test("P1 a user who returns within the grace never left", () => {
  const roster = new Roster(GRACE);
  roster.join("anna", 7);
  roster.leave("anna", 10);
  expect(roster.join("anna", 10 + GRACE - 1)).toBe(false);
  expect(roster.takeExpired(100_000)).toEqual([]);
  expect(roster.get("anna")).toMatchObject({ user: "anna", since: 7, read: 0 });
});

test("P1 without a grace a user leaves at once, and joins again", () => {
  const roster = new Roster(0);
  roster.join("anna", 0);
  roster.leave("anna", 5);
  expect(roster.takeExpired(5)).toEqual([{ user: "anna", at: 5 }]);
  expect(roster.join("anna", 6)).toBe(true);
});

test("P1 a leave of an absent user changes nothing", () => {
  const roster = new Roster(0);
  roster.leave("absent", 0);
  expect(roster.takeExpired(1)).toEqual([]);
  expect(roster.hasPending).toBe(false);
});

test.each(seeds(1, 2))(
  "P1 seed %d: joins and leaves alternate for each user, in any sequence of events",
  (seed) => {
    const random = new Random(seed);
    const roster = new Roster(GRACE);
    const connections = new Map<string, number>();
    const there = new Set<string>();
    let now = 0;
    for (let i = 0; i < 20_000; i++) {
      now += random.between(0, 500);
      for (const { user } of roster.takeExpired(now)) {
        expect(connections.get(user) ?? 0).toBe(0);
        expect(there.delete(user)).toBe(true);
      }
      const user = `user${random.between(0, 30)}`;
      const held = connections.get(user) ?? 0;
      if (random.next() < 0.5 && held > 0) {
        roster.leave(user, now);
        connections.set(user, held - 1);
      } else if (held < 3) {
        if (roster.join(user, now)) {
          expect(there.has(user)).toBe(false);
          there.add(user);
        }
        connections.set(user, held + 1);
      }
      expect(names(roster).sort()).toEqual([...there].sort());
      expect(roster.size).toBe(there.size);
    }
  },
);
