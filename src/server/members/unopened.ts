import { perform } from "../../core/members/perform.ts";
import { MAX_UNOPENED } from "../../core/members/policy.ts";
import type { ConversationChange } from "../../core/members/records.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";

/**
 * Takes users out of the oldest conversations that they were put into and have not opened, where there are too many (MB5).
 * Called after users were added.
 */
export async function dropOldestUnopened(store: MemberStore, users: readonly string[]): Promise<void> {
  for (const user of users) {
    for (;;) {
      const { unopened, oldestUnopened: oldest } = await store.listSize(user);
      if (unopened <= MAX_UNOPENED || oldest === undefined) break;
      const result = await perform(
        store,
        oldest,
        [user],
        ({ standings, now }): { change?: ConversationChange } => {
          const { role, unopened: isUnopened } = standings.get(user) ?? {};
          if (role === undefined || isUnopened === undefined) return {};
          return {
            change: {
              standings: [{ user, role: null }],
              news: [{ type: "member", user, change: "removed", at: now }],
            },
          };
        },
      );
      // Others change that conversation all the time: the next user who is added tries again.
      if (result.outcome !== "decided") break;
    }
  }
}
