import { expect, test } from "bun:test";
import { KnownMembers } from "../../../../src/engine/redis/members/known-members.ts";

const ANN = { conversation: "room", user: "ann", id: "1", kind: "message", body: "", limit: 0 } as const;

test("MB a sender is known after a message that made it a member or found it one, and not after one that did not", () => {
  const known = new KnownMembers();
  const joined: string[] = [];
  known.watchJoins((conversation) => joined.push(conversation));
  known.onJoin(ANN, "no member", known.version);
  expect([known.has("room", "ann"), joined]).toEqual([false, []]);
  known.onJoin(ANN, "was member", known.version);
  expect([known.has("room", "ann"), joined]).toEqual([true, []]);
  known.onJoin({ ...ANN, user: "bob" }, "joined", known.version);
  expect([known.has("room", "bob"), joined]).toEqual([true, ["room"]]);
  known.delete("room", "ann");
  expect([known.has("room", "ann"), known.has("room", "bob")]).toEqual([false, true]);
  known.forget("room");
  expect(known.has("room", "bob")).toBe(false);
});

test("MB a reply to a message that was sent before a removal makes no user known", () => {
  for (const removal of ["delete", "forget", "clear"] as const) {
    const known = new KnownMembers();
    const { version } = known;
    known[removal]("room", "ann");
    known.onJoin(ANN, "was member", version);
    expect([removal, known.has("room", "ann")]).toEqual([removal, false]);
  }
});

test("MB the number of known members is bounded", () => {
  const known = new KnownMembers();
  for (let i = 0; i < 200_000; i++)
    known.onJoin({ ...ANN, conversation: `room${i % 1_000}`, user: `user${i}` }, "was member", known.version);
  expect(known.has("room0", "user0")).toBe(true);
  known.onJoin(ANN, "was member", known.version);
  expect([known.has("room0", "user0"), known.has("room", "ann")]).toEqual([false, true]);
});
