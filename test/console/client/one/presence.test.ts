import { expect, test } from "bun:test";
import { createPresenceTracker } from "../../../../src/console/client/one/presence.ts";

test("a user who left and returns has the same read mark", () => {
  const presence = createPresenceTracker();
  presence.welcome(
    [
      { user: "ann", since: 1 },
      { user: "ben", since: 2, read: 4 },
    ],
    false,
    3,
  );
  presence.setReadMark("ben", 7);
  presence.presence({ user: "ben", state: "left", at: 4 });
  expect(presence.present()).toEqual([{ user: "ann", since: 1 }]);
  presence.presence({ user: "ben", state: "joined", at: 5 });
  presence.setReadMark("ben", 6);
  expect(presence.present()).toEqual([
    { user: "ann", since: 1 },
    { user: "ben", since: 5, read: 7 },
  ]);
  // Read marks of another epoch mean nothing in this one.
  presence.welcome([{ user: "ann", since: 6 }], true, 6);
  presence.presence({ user: "ben", state: "joined", at: 8 });
  expect(presence.present()).toEqual([
    { user: "ann", since: 6 },
    { user: "ben", since: 8 },
  ]);
});

test("joins and leaves from while the connection was lost are reported, the leaves first", () => {
  const presence = createPresenceTracker();
  expect(presence.welcome([{ user: "ann", since: 1 }], false, 9)).toEqual([
    { event: "presence", body: { user: "ann", state: "joined", at: 1 } },
  ]);
  expect(presence.welcome([{ user: "ben", since: 2 }], false, 10)).toEqual([
    { event: "presence", body: { user: "ann", state: "left", at: 10 } },
    { event: "presence", body: { user: "ben", state: "joined", at: 2 } },
  ]);
});

test("typing never lasts for ever: a lost connection and a leave end it", () => {
  const presence = createPresenceTracker();
  const begin = (user: string) => presence.typing({ user, active: true });
  const ended = (user: string) => ({ event: "typing", body: { user, active: false } }) as const;
  expect(begin("ann")).toEqual([{ event: "typing", body: { user: "ann", active: true } }]);
  begin("ben");
  begin("cat");
  expect(presence.typing({ user: "ann", active: false })).toEqual([ended("ann")]);
  expect(presence.presence({ user: "ben", state: "left", at: 4 })).toEqual([
    ended("ben"),
    { event: "presence", body: { user: "ben", state: "left", at: 4 } },
  ]);
  expect(presence.onDisconnect()).toEqual([ended("cat")]);
  expect(presence.onDisconnect()).toEqual([]);
});

test("LR2 a list of all users replaces the known one, and says who joined and left", () => {
  const presence = createPresenceTracker();
  presence.welcome([{ user: "ann", since: 1, read: 4 }], false, 9);
  presence.welcome([{ user: "ben", since: 2 }]);
  presence.presence({ user: "ann", state: "joined", at: 12 });
  expect(presence.present()).toEqual([
    { user: "ben", since: 2 },
    { user: "ann", since: 12, read: 4 },
  ]);
});
