import type { ConversationView } from "../../../core/members/records.ts";
import type { MemberStore } from "../../../core/ports/conversation/members.ts";

const refuse = async (): Promise<never> => {
  throw new Error("Members of conversations are not built yet on Redis.");
};

/** Stands in for the port of members: no conversation has facts, and none can be given. */
export const MEMBERS_NOT_BUILT: MemberStore = {
  read: async (): Promise<ConversationView> => ({
    exists: true,
    facts: undefined,
    epoch: "",
    seq: 0,
    lastAt: undefined,
    members: 0,
    owners: 0,
    standings: new Map(),
    revision: 0,
    now: 0,
  }),
  change: refuse,
  markOpened: async () => {},
  members: refuse,
  sanctions: refuse,
  oldest: refuse,
  conversationsOf: async () => ({ conversations: [], more: false }),
  listSize: async () => ({ conversations: 0, unopened: 0, oldestUnopened: undefined }),
  nameSecret: refuse,
  watch: () => () => {},
};
