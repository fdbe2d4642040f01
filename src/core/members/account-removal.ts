// What becomes of the conversations of an account that is removed (MB4).
import type { MemberStore } from "../ports/conversation/members.ts";
import { leaveForGood } from "./change-members.ts";
import type { Actor } from "./standing.ts";

/** The port's methods that leaving takes. */
export type LeavingStore = Pick<MemberStore, "read" | "change" | "oldest" | "conversationsOf">;

/** How often leaving one conversation is tried because another change was made meanwhile. */
const MAX_TRIES = 20;

/** How many conversations are read at once. */
const PAGE_SIZE = 200;

export type LeftConversations =
  | { readonly outcome: "left"; readonly conversations: number }
  /** Others have changed this conversation all the time; the rest is left by the next call. */
  | { readonly outcome: "contended"; readonly conversation: string };

/**
 * Takes `user` out of all its conversations, one by one. Where it was the last owner, the oldest moderator becomes owner, else the
 * oldest member. The account MUST be disabled before and removed after it: when this ends in the middle, the next call continues.
 */
export async function leaveConversations(
  store: LeavingStore,
  user: string,
  actor: Actor,
): Promise<LeftConversations> {
  let left = 0;
  let after: string | undefined;
  for (;;) {
    const page = await store.conversationsOf(user, { after, limit: PAGE_SIZE });
    for (const { conversation, role } of page.conversations) {
      after = conversation;
      if (role === undefined) continue;
      if (!(await leaveConversation(store, conversation, user, actor)))
        return { outcome: "contended", conversation };
      left++;
    }
    if (!page.more) return { outcome: "left", conversations: left };
  }
}

/** Takes `user` out of one conversation in the same way. Returns false where others have changed it all the time. */
export async function leaveConversation(
  store: Omit<LeavingStore, "conversationsOf">,
  conversation: string,
  user: string,
  actor: Actor,
): Promise<boolean> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    // The view is read before the heir: the change is made only if no role was changed since the view.
    const view = await store.read(conversation, [user]);
    const heir =
      (await store.oldest(conversation, "moderator", user)) ??
      (await store.oldest(conversation, "member", user));
    const { change } = leaveForGood({ view, actor }, user, heir);
    if (change === undefined || (await store.change(conversation, view.revision, change))) return true;
  }
  return false;
}
