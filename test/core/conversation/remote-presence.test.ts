import { expect, test } from "bun:test";
import {
  type PresenceDelta,
  type PresenceSnapshot,
  RemotePresence,
} from "../../../src/core/conversation/remote-presence.ts";
import { Random, seeds } from "../../support/random.ts";

const change = (fields: Partial<PresenceDelta>): PresenceDelta => ({
  life: "b~1",
  was: 0,
  version: 1,
  joined: [],
  left: [],
  ...fields,
});

const open = (state: PresenceSnapshot = { version: 0, entries: [] }) => {
  const gathering = new RemotePresence((life) => life.startsWith("own~"));
  gathering.reset(state, 0, 0);
  return gathering;
};

// The story: a leave was published when the connection ended on the same node, and seconds later on the others, which
// received it when the store had written it.
test("P1 P2 a join is reported once, for any number of nodes, with the time on the node where it happened", () => {
  const gathering = open();
  expect(gathering.apply(change({ joined: [["anna", 5]] }))).toEqual([
    { user: "anna", state: "joined", at: 5 },
  ]);
  expect(gathering.apply(change({ life: "c~1", was: 1, version: 2, joined: [["anna", 3]] }))).toEqual([]);
  expect([...gathering.users()]).toEqual([["anna", 3]]);
  expect(gathering.apply(change({ life: "c~1", was: 2, version: 3, left: [["anna", 8]] }))).toEqual([]);
  expect([...gathering.users()]).toEqual([["anna", 5]]);
  expect(gathering.apply(change({ was: 3, version: 0, left: [["anna", 9]] }))).toEqual([
    { user: "anna", state: "left", at: 9 },
  ]);
});

test("P1 this node's own users are not remote, and their changes are no gap", () => {
  const gathering = open({ version: 4, entries: [{ incarnation: "own~1", user: "anna", since: 1 }] });
  expect(gathering.users().size).toBe(0);
  expect(gathering.apply(change({ life: "own~2", was: 4, version: 5, joined: [["ben", 1]] }))).toEqual([]);
  expect(gathering.apply(change({ was: 5, version: 6, joined: [["cleo", 1]] }))).toHaveLength(1);
  expect([...gathering.users().keys()]).toEqual(["cleo"]);
});

test("a missed change shows with the next one; a change that was already read is skipped", () => {
  const gathering = open({ version: 4, entries: [{ incarnation: "b~1", user: "anna", since: 1 }] });
  expect(gathering.apply(change({ was: 2, version: 3, joined: [["anna", 1]] }))).toEqual([]);
  expect(gathering.apply(change({ was: 3, version: 4, left: [["ben", 2]] }))).toEqual([]);
  expect(gathering.apply(change({ was: 5, version: 6, joined: [["cleo", 1]] }))).toBeUndefined();
  const state = { version: 6, entries: [{ incarnation: "b~1", user: "cleo", since: 7 }] };
  expect(gathering.reset(state, 20, 0)).toEqual([
    { user: "cleo", state: "joined", at: 7 },
    { user: "anna", state: "left", at: 20 },
  ]);
  expect(gathering.isAt(6)).toBe(true);
});

test("P1 P2 a late or repeated announcement, after all have left, causes a full read", () => {
  const gathering = open();
  const came = change({ was: 0, version: 5, joined: [["anna", 5]] });
  expect(gathering.apply(came)).toHaveLength(1);
  expect(gathering.apply(change({ was: 5, version: 0, left: [["anna", 6]] }))).toHaveLength(1);
  expect(gathering.apply(came)).toBeUndefined();
  expect(gathering.apply(change({ was: 0, version: 7, joined: [["anna", 7]] }))).toHaveLength(1);
});

test("nothing is known before the full read", () => {
  expect(new RemotePresence(() => false).apply(change({ joined: [["anna", 1]] }))).toBeUndefined();
});

test("L3 after the store was unavailable, missing users have time to return, and then no leave is reported", () => {
  const entries = ["anna", "ben"].map((user) => ({ incarnation: "b~1", user, since: 1 }));
  const gathering = open({ version: 4, entries });
  expect(gathering.reset({ version: 0, entries: [] }, 100, 5_100)).toEqual([]);
  expect([...gathering.users().keys()]).toEqual(["anna", "ben"]);
  expect(gathering.hasPending).toBe(true);
  expect(gathering.apply(change({ life: "b~2", version: 7, joined: [["anna", 1]] }))).toEqual([]);
  expect(gathering.settle(5_099)).toEqual([]);
  expect(gathering.settle(5_100)).toEqual([{ user: "ben", state: "left", at: 5_100 }]);
  expect(gathering.hasPending).toBe(false);
  expect([...gathering.users().keys()]).toEqual(["anna"]);
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
        const [life = "", user = ""] = field.split(" ");
        return { incarnation: life, user, since };
      }),
    });
    const gathering = open();
    const present = new Set<string>();
    const tell = (changes: ReturnType<RemotePresence["settle"]>) => {
      for (const { user, state: told } of changes) {
        expect(present.has(user)).toBe(told === "left");
        if (told === "left") present.delete(user);
        else present.add(user);
      }
    };
    for (let now = 1; now <= 2_000; now++) {
      const [life, user] = [`${random.pick(["own", "b", "c"])}~1`, `user-${random.between(1, 5)}`];
      const field = `${life} ${user}`;
      const was = version;
      const joins = !stored.delete(field);
      if (joins) stored.set(field, now);
      version = stored.size === 0 ? 0 : now;
      const heard = joins ? { joined: [[user, now] as const] } : { left: [[user, now] as const] };
      if (random.between(1, 20) === 1) continue;
      const changes = gathering.apply(change({ life, was, version, ...heard }));
      tell(changes ?? gathering.reset(state(), now, random.between(1, 3) === 1 ? now + 10 : 0));
      tell(gathering.settle(now));
    }
    tell(gathering.reset(state(), 2_001, 0));
    tell(gathering.settle(9_999));
    const expected = state().entries.filter(({ incarnation: life }) => life !== "own~1");
    expect([...gathering.users().keys()].sort()).toEqual(
      [...new Set(expected.map(({ user }) => user))].sort(),
    );
    expect([...present].sort()).toEqual([...gathering.users().keys()].sort());
  },
);
