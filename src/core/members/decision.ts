import type { ConversationChange, MemberNews, StandingChange } from "./records.ts";
import type { MemberRefusal } from "./refusals.ts";
import type { Scene } from "./standing.ts";

/** What becomes of a request: a refusal, a change, or neither where everything is so already. */
export interface Decision {
  readonly refusal?: MemberRefusal;
  readonly change?: ConversationChange;
  /** Users whom the sender adds to the conversation: each is a request of the plan. */
  readonly added?: readonly string[];
}

export const UNCHANGED: Decision = {};

export function refuse(refusal: MemberRefusal): Decision {
  return { refusal };
}

/** The decision that changes the standing of one user. */
export function changeOne(
  scene: Scene,
  standing: StandingChange,
  news: Omit<MemberNews, "type" | "user" | "by" | "at">,
  added: readonly string[] = [],
): Decision {
  const standings = [standing];
  return { change: { ...begun(scene), standings, news: [memberNews(scene, standing.user, news)] }, added };
}

/**
 * The facts with which a conversation begins that has no message yet, and that is open to anyone: it may get members, mutes and
 * bans before the first message.
 */
function begun({ view }: Scene): Pick<ConversationChange, "facts"> {
  return view.exists ? {} : { facts: { access: "anyone", at: view.now } };
}

/** What nodes are notified of where the sender changes the standing of a user. */
export function memberNews(
  { view, actor }: Pick<Scene, "view" | "actor">,
  user: string,
  news: Omit<MemberNews, "type" | "user" | "by" | "at">,
): MemberNews {
  return { type: "member", user, ...news, by: actor.name, at: view.now };
}
