import type { MemberStore } from "../ports/conversation/members.ts";
import type { Decision } from "./decision.ts";
import type { ConversationView } from "./records.ts";

/** How often a change is decided again because another one was made meanwhile. */
const MAX_TRIES = 20;

export type Performed<D extends Decision> =
  | { readonly outcome: "decided"; readonly decision: D; readonly view: ConversationView }
  /** Others have changed the conversation all the time; the request may be sent again. */
  | { readonly outcome: "contended" };

/**
 * Reads a conversation, decides, and makes the change; again where another change was made meanwhile. `view` is what the
 * decision was made on. `beforeChange` is called once, before the first try to store a change; with `false` nothing is changed.
 */
export async function perform<D extends Decision>(
  store: Pick<MemberStore, "read" | "change">,
  conversation: string,
  users: readonly string[],
  decide: (view: ConversationView) => D,
  beforeChange: (decision: D) => Promise<boolean> = async () => true,
): Promise<Performed<D> | { readonly outcome: "stopped" }> {
  let asked = false;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const view = await store.read(conversation, users);
    const decision = decide(view);
    if (decision.refusal !== undefined || decision.change === undefined)
      return { outcome: "decided", decision, view };
    if (!asked && !(await beforeChange(decision))) return { outcome: "stopped" };
    asked = true;
    if (await store.change(conversation, view.revision, decision.change))
      return { outcome: "decided", decision, view };
  }
  return { outcome: "contended" };
}
