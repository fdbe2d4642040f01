import { expect, test } from "bun:test";
import { leaveForGood } from "../../../src/core/members/change-members.ts";
import type { ConversationView, Standing } from "../../../src/core/members/records.ts";
import { OPERATOR } from "../../../src/core/members/standing.ts";

const NOW = 1_735_689_600_000;
const OWNER: Standing = { role: "owner", since: 1 };

function decide(ann: Standing | undefined, { heir, ...view }: Partial<ConversationView> & { heir?: string }) {
  const shown: ConversationView = {
    exists: true,
    facts: { access: "members", at: NOW },
    epoch: "e",
    seq: 0,
    lastAt: undefined,
    members: 2,
    owners: 1,
    standings: new Map(ann === undefined ? [] : [["ann", ann]]),
    revision: 1,
    now: NOW,
    ...view,
  };
  return leaveForGood({ view: shown, actor: OPERATOR }, "ann", heir);
}

const LEAVES = { user: "ann", role: null, left: null } as const;
const LEFT = { type: "member", user: "ann", change: "removed", by: "operator", at: NOW } as const;

test("MB4 the last owner whose account is removed leaves the conversation to the heir", () => {
  const inherits = {
    type: "member",
    user: "ben",
    change: "role",
    role: "owner",
    by: "operator",
    at: NOW,
  } as const;
  expect(decide(OWNER, { heir: "ben" })).toEqual({
    change: { standings: [LEAVES, { user: "ben", role: "owner" }], news: [LEFT, inherits] },
  });
});

test("MB4 an account that is not the last owner, or that was alone, leaves and makes no owner", () => {
  const leaves = { change: { standings: [LEAVES], news: [LEFT] } };
  expect(decide({ role: "member", since: 1 }, { heir: "ben" })).toEqual(leaves);
  expect(decide({ role: "moderator", since: 1 }, { heir: "ben", owners: 0 })).toEqual(leaves);
  expect(decide(OWNER, { heir: "ben", owners: 2 })).toEqual(leaves);
  expect(decide(OWNER, { members: 1 })).toEqual(leaves);
  const direct = { access: "members", direct: ["ann", "ben"], at: NOW } as const;
  expect(decide(OWNER, { heir: "ben", facts: direct })).toEqual(leaves);
});

test("MB4 where the account has no role, nothing changes", () => {
  expect(decide(undefined, { heir: "ben" })).toEqual({});
  expect(decide({ left: true, banned: { by: "ben", at: 1 } }, { heir: "ben" })).toEqual({});
});
