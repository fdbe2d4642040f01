import type { MemberStore } from "../../../src/core/ports/conversation/members.ts";

const unused = async (): Promise<never> => {
  throw new Error("not used in this test");
};

/** A port of members for tests of the rest: every conversation exists, is open to anyone, and has no members. */
export const NO_MEMBERS: MemberStore = {
  read: async () => ({
    exists: true,
    facts: undefined,
    epoch: "test.0",
    seq: 0,
    lastAt: undefined,
    members: 0,
    owners: 0,
    standings: new Map(),
    revision: 0,
    now: 0,
  }),
  readForUser: unused,
  change: unused,
  markOpened: unused,
  members: unused,
  sanctions: unused,
  oldest: unused,
  conversationsOf: unused,
  names: unused,
  listSize: unused,
  nameSecret: unused,
  watch: () => () => {},
};
