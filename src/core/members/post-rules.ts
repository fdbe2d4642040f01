import type { PostRequest } from "../ports/message-log.ts";
import { beginsByTalking, type MemberPolicy } from "./policy.ts";
import type { Actor } from "./standing.ts";

/**
 * Returns the part of a post of `user` that says what the engine must check. The sender becomes a member with its message, except an API
 * key that speaks in its own name.
 */
export function postRulesOf(
  { kind, name, manages = false }: Actor,
  conversation: string,
  user: string,
  policy: MemberPolicy,
): Pick<PostRequest, "joins" | "exempt" | "mustExist"> {
  const isUser = kind === "user" || user !== name;
  return {
    ...(isUser && { joins: { members: policy.maxMembers, conversations: policy.maxConversations } }),
    ...((kind === "key" || manages) && { exempt: true }),
    ...(!beginsByTalking(conversation, policy) && { mustExist: true }),
  };
}
