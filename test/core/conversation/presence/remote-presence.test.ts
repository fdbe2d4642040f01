import { expect, test } from "bun:test";
import {
  type PresenceDelta,
  type PresenceSnapshot,
  RemotePresence,
} from "../../../../src/core/conversation/presence/remote-presence.ts";
import { Random, seeds } from "../../../support/random.ts";

const change = (fields: Partial<PresenceDelta>): PresenceDelta => ({
  incarnation: "b~1",
  was: 0,
  version: 1,
  joined: [],
  left: [],
  ...fields,
});

const open = (state: PresenceSnapshot = { version: 0, entries: [] }) => {
  const remote = new RemotePresence((incarnation) => incarnation.startsWith("own~"));
  remote.reset(state, 0, 0);
  return remote;
};

// The story: a leave was published when the connection ended on the same node, and seconds later on the others, which
// received it when the store had written it.
test("P1 P2 a join is reported once, for any number of nodes, with the time on the node where it happened", () => {
  const remote = open();
  expect(remote.apply(change({ joined: [["anna", 5]] }))).toEqual([{ user: "anna", state: "joined", at: 5 }]);
  expect(remote.apply(change({ incarnation: "c~1", was: 1, version: 2, joined: [["anna", 3]] }))).toEqual([]);
  expect([...remote.users()]).toEqual([["anna", 3]]);
  expect(remote.apply(change({ incarnation: "c~1", was: 2, version: 3, left: [["anna", 8]] }))).toEqual([]);
  expect([...remote.users()]).toEqual([["anna", 5]]);
  expect(remote.apply(change({ was: 3, version: 0, left: [["anna", 9]] }))).toEqual([
    { user: "anna", state: "left", at: 9 },
  ]);
});

test("P1 this node's own users are not remote, and their changes are no gap", () => {
  const remote = open({ version: 4, entries: [{ incarnation: "own~1", user: "anna", since: 1 }] });
  expect(remote.users().size).toBe(0);
  expect(remote.apply(change({ incarnation: "own~2", was: 4, version: 5, joined: [["ben", 1]] }))).toEqual(
    [],
  );
  expect(remote.apply(change({ was: 5, version: 6, joined: [["cleo", 1]] }))).toHaveLength(1);
  expect([...remote.users().keys()]).toEqual(["cleo"]);
});

test("a missed change shows with the next one; a change that was already read is skipped", () => {
  const remote = open({ version: 4, entries: [{ incarnation: "b~1", user: "anna", since: 1 }] });
  expect(remote.apply(change({ was: 2, version: 3, joined: [["anna", 1]] }))).toEqual([]);
  expect(remote.apply(change({ was: 3, version: 4, left: [["ben", 2]] }))).toEqual([]);
  expect(remote.apply(change({ was: 5, version: 6, joined: [["cleo", 1]] }))).toBeUndefined();
  const state = { version: 6, entries: [{ incarnation: "b~1", user: "cleo", since: 7 }] };
  expect(remote.reset(state, 20, 0)).toEqual([
    { user: "cleo", state: "joined", at: 7 },
    { user: "anna", state: "left", at: 20 },
  ]);
  expect(remote.isAt(6)).toBe(true);
});

test("P1 P2 a late or repeated announcement, after all have left, causes a full read", () => {
  const remote = open();
  const came = change({ was: 0, version: 5, joined: [["anna", 5]] });
  expect(remote.apply(came)).toHaveLength(1);
  expect(remote.apply(change({ was: 5, version: 0, left: [["anna", 6]] }))).toHaveLength(1);
  expect(remote.apply(came)).toBeUndefined();
  expect(remote.apply(change({ was: 0, version: 7, joined: [["anna", 7]] }))).toHaveLength(1);
});

test("nothing is known before the full read", () => {
  expect(new RemotePresence(() => false).apply(change({ joined: [["anna", 1]] }))).toBeUndefined();
});

test("L3 after the store was unavailable, missing users have time to return, and then no leave is reported", () => {
  const entries = ["anna", "ben"].map((user) => ({ incarnation: "b~1", user, since: 1 }));
  const remote = open({ version: 4, entries });
  expect(remote.reset({ version: 0, entries: [] }, 100, 5_100)).toEqual([]);
  expect([...remote.users().keys()]).toEqual(["anna", "ben"]);
  expect(remote.hasPending).toBe(true);
  expect(remote.apply(change({ incarnation: "b~2", version: 7, joined: [["anna", 1]] }))).toEqual([]);
  expect(remote.settle(5_099)).toEqual([]);
  expect(remote.settle(5_100)).toEqual([{ user: "ben", state: "left", at: 5_100 }]);
  expect(remote.hasPending).toBe(false);
  expect([...remote.users().keys()]).toEqual(["anna"]);
});

test.each(seeds(1, 2, 3))(
  "P1 P2 whatever is lost on the way, the reported state is right in the end, without repeats (seed %i)",
  (seed) => {
    const random = new Random(seed);
    const stored = new Map<string, number>();
    let version = 0;
    const state = (): PresenceSnapshot => ({
      version,
      entries: [...stored].map(([field, since]) => {
        const [incarnation = "", user = ""] = field.split(" ");
        return { incarnation, user, since };
      }),
    });
    const remote = open();
    const present = new Set<string>();
    const check = (changes: ReturnType<RemotePresence["settle"]>) => {
      for (const { user, state } of changes) {
        expect(present.has(user)).toBe(state === "left");
        if (state === "left") present.delete(user);
        else present.add(user);
      }
    };
    for (let now = 1; now <= 2_000; now++) {
      const [incarnation, user] = [`${random.pick(["own", "b", "c"])}~1`, `user-${random.between(1, 5)}`];
      const field = `${incarnation} ${user}`;
      const was = version;
      const joins = !stored.delete(field);
      if (joins) stored.set(field, now);
      version = stored.size === 0 ? 0 : now;
      const update = joins ? { joined: [[user, now] as const] } : { left: [[user, now] as const] };
      if (random.between(1, 20) === 1) continue;
      const changes = remote.apply(change({ incarnation, was, version, ...update }));
      check(changes ?? remote.reset(state(), now, random.between(1, 3) === 1 ? now + 10 : 0));
      check(remote.settle(now));
    }
    check(remote.reset(state(), 2_001, 0));
    check(remote.settle(9_999));
    const expected = state().entries.filter(({ incarnation }) => incarnation !== "own~1");
    expect([...remote.users().keys()].sort()).toEqual([...new Set(expected.map(({ user }) => user))].sort());
    expect([...present].sort()).toEqual([...remote.users().keys()].sort());
  },
);
