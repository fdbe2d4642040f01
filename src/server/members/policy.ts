import type { MemberPolicy } from "../../core/members/policy.ts";
import type { Settings } from "../settings/settings.ts";

/** The settings about members. */
export function memberPolicyOf(
  settings: Pick<
    Settings,
    "conversationAccess" | "conversationCreate" | "maxMembers" | "maxConversationsPerUser"
  >,
): MemberPolicy {
  return {
    defaultAccess: settings.conversationAccess,
    create: settings.conversationCreate,
    maxMembers: settings.maxMembers,
    maxConversations: settings.maxConversationsPerUser,
  };
}
