import { expect, test } from "bun:test";
import { createPresenceTracker } from "../../../src/client/incoming/presence.ts";

test("who left and comes back has read what it had read", () => {
  const people = createPresenceTracker();
  people.welcome(
    [
      { user: "ann", since: 1 },
      { user: "ben", since: 2, read: 4 },
    ],
    false,
    3,
  );
  people.setReadMark("ben", 7);
  people.presence({ user: "ben", state: "left", at: 4 });
  expect(people.present()).toEqual([{ user: "ann", since: 1 }]);
  people.presence({ user: "ben", state: "joined", at: 5 });
  people.setReadMark("ben", 6);
  expect(people.present()).toEqual([
    { user: "ann", since: 1 },
    { user: "ben", since: 5, read: 7 },
  ]);
  // What was read in another life of the store says nothing about this one.
  people.welcome([{ user: "ann", since: 6 }], true, 6);
  people.presence({ user: "ben", state: "joined", at: 8 });
  expect(people.present()).toEqual([
    { user: "ann", since: 6 },
    { user: "ben", since: 8 },
  ]);
});

test("who came and went while the line was away is told of, the gone first", () => {
  const people = createPresenceTracker();
  expect(people.welcome([{ user: "ann", since: 1 }], false, 9)).toEqual([
    { event: "presence", body: { user: "ann", state: "joined", at: 1 } },
  ]);
  expect(people.welcome([{ user: "ben", since: 2 }], false, 10)).toEqual([
    { event: "presence", body: { user: "ann", state: "left", at: 10 } },
    { event: "presence", body: { user: "ben", state: "joined", at: 2 } },
  ]);
});

test("nobody types for ever: a lost line and a departure end it", () => {
  const people = createPresenceTracker();
  const begin = (user: string) => people.typing({ user, active: true });
  const ended = (user: string) => ({ event: "typing", body: { user, active: false } }) as const;
  expect(begin("ann")).toEqual([{ event: "typing", body: { user: "ann", active: true } }]);
  begin("ben");
  begin("cat");
  expect(people.typing({ user: "ann", active: false })).toEqual([ended("ann")]);
  expect(people.presence({ user: "ben", state: "left", at: 4 })).toEqual([
    ended("ben"),
    { event: "presence", body: { user: "ben", state: "left", at: 4 } },
  ]);
  expect(people.onDisconnect()).toEqual([ended("cat")]);
  expect(people.onDisconnect()).toEqual([]);
});
